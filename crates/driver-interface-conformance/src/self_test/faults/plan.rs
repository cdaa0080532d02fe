//! Faults in creation plans and in retried creations.

use driver_interface_errors::{ContainerCreationError, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver as _, ContainerDriverExt as _, ContainerFilter, ContainerInstance,
    CreationPlan, Enforcement, ImageFilter, ImageInfo, PullPolicy, Result, SessionId, Strictness, Warning,
};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{Config, CreateContainer, ListImages, Plan};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "plan-loses-the-environment",
        "The config of a plan has no environment variables.",
        &[Plan(|inside, config| {
            loses_the_environment(inside, config).boxed()
        })],
        &["plan/accepted"],
    ),
    Fault::new(
        "plan-accepts-anything",
        "A plan never has refusals.",
        &[Plan(|inside, config| accepts_anything(inside, config).boxed())],
        &["plan/refusals", "plan/beyond-the-driver", "plan/strictness"],
    ),
    Fault::new(
        "plan-stops-at-the-first",
        "A plan reports only the first violation.",
        &[Plan(|inside, config| stops_at_the_first(inside, config).boxed())],
        &["plan/refusals"],
    ),
    Fault::new(
        "plan-creates",
        "A plan creates the container.",
        &[Plan(|inside, config| creates(inside, config).boxed())],
        &["plan/no-side-effects"],
    ),
    Fault::new(
        "plan-fetches-the-image",
        "A plan pulls the image.",
        &[
            Plan(|inside, config| fetches(inside, config).boxed()),
            ListImages(|inside, filter| with_the_fetched(inside, filter).boxed()),
        ],
        &["plan/no-side-effects"],
    ),
    Fault::new(
        "plan-warns-of-nothing",
        "A plan never has warnings.",
        &[Plan(|inside, config| warns_of_nothing(inside, config).boxed())],
        &["plan/matches-creation", "plan/strictness"],
    ),
    Fault::new(
        "plan-errs-about-the-disk",
        "A plan reports the disk limit as enforced exactly when it is not.",
        &[Plan(|inside, config| errs_about_the_disk(inside, config).boxed())],
        &["plan/matches-creation"],
    ),
    Fault::new(
        "plan-refuses-the-strict",
        "A plan refuses every strict config, even without warnings.",
        &[Plan(|inside, config| refuses_the_strict(inside, config).boxed())],
        &["plan/strictness"],
    ),
    Fault::new(
        "plan-is-lax",
        "A plan ignores the strictness of the config.",
        &[Plan(|inside, config| is_lax(inside, config).boxed())],
        &["plan/strictness"],
    ),
    Fault::new(
        "plan-loses-the-entrypoint",
        "The image of a plan has no entrypoint.",
        &[Plan(|inside, config| {
            loses_the_entrypoint(inside, config).boxed()
        })],
        &["plan/image"],
    ),
    Fault::new(
        "plan-advises-nothing",
        "A plan never has advice.",
        &[Plan(|inside, config| advises_nothing(inside, config).boxed())],
        &["plan/image"],
    ),
    Fault::new(
        "keys-forgotten",
        "Operation keys are not recorded.",
        &[Config(|config| {
            if config.operation_key.take().is_some() {
                config.name = None;
            }
        })],
        &[
            "keys/same-key-same-container",
            "keys/made-up-name-is-kept",
            "keys/other-config-refused",
            "keys/concurrent",
        ],
    ),
    Fault::new(
        "keys-known-to-one-driver",
        "A driver does not see the operation keys of other drivers.",
        &[CreateContainer(|inside, config| {
            known_to_one(inside, config).boxed()
        })],
        &["keys/same-key-same-container"],
    ),
    Fault::new(
        "known-key-is-enough",
        "A creation with a known key returns its container, regardless of the config.",
        &[CreateContainer(|inside, config| {
            known_key_is_enough(inside, config).boxed()
        })],
        &["keys/other-config-refused"],
    ),
    Fault::new(
        "same-config-same-container",
        "A creation without a key returns the container of an earlier creation with the same config.",
        &[Config(|config| {
            let fingerprint = config.fingerprint();
            config.operation_key.get_or_insert(fingerprint);
        })],
        &[
            "keys/no-key-no-sharing",
            "creation/name-made-up",
            "concurrency/create-same-name",
        ],
    ),
    Fault::new(
        "keys-of-the-removed-kept",
        "The key of a removed container stays taken.",
        &[CreateContainer(|inside, config| {
            kept_for_ever(inside, config).boxed()
        })],
        &["keys/free-after-removal"],
    ),
];

async fn loses_the_environment(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.config.env.clear();
    Ok(plan)
}

async fn accepts_anything(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.refusals.clear();
    Ok(plan)
}

async fn stops_at_the_first(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.refusals.truncate(1);
    Ok(plan)
}

async fn creates(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let plan = inside.driver.plan(config).await?;
    if plan.is_accepted() {
        // The result does not depend on whether this succeeded.
        let _ = inside.driver.create_container(config).await;
    }
    Ok(plan)
}

async fn fetches(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    if config.pull_policy == PullPolicy::Always {
        inside.memory.note(&format!("fetched {}", config.image));
    }
    inside.driver.plan(config).await
}

async fn with_the_fetched(inside: &Inside, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
    let mut images = inside.driver.list_images(filter).await?;
    let required = filter.reference.as_ref().map_or("", |image| image.as_str());
    if inside.memory.latest(&format!("fetched {required}")).is_some() {
        images.push(ImageInfo::new(required, 1));
    }
    Ok(images)
}

async fn warns_of_nothing(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.warnings.clear();
    Ok(plan)
}

async fn errs_about_the_disk(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.enforcement.disk = match plan.enforcement.disk {
        Enforcement::Enforced => Enforcement::unsupported("invented"),
        _ => Enforcement::Enforced,
    };
    Ok(plan)
}

async fn refuses_the_strict(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    if config.strictness == Strictness::Require {
        let refusal = Warning::new("resources.cpu", "not-enforced", "nobody knows");
        plan.refusals.push(refusal);
    }
    Ok(plan)
}

async fn is_lax(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let config = config.clone().strictness(Strictness::default());
    inside.driver.plan(&config).await
}

async fn loses_the_entrypoint(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    if let Some(image) = &mut plan.image {
        image.entrypoint.clear();
    }
    Ok(plan)
}

async fn advises_nothing(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.advice.clear();
    Ok(plan)
}

async fn known_to_one(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    let number = inside.number();
    config.operation_key = config.operation_key.map(|key| format!("{key}-{number}"));
    inside.driver.create_container(&config).await
}

async fn known_key_is_enough(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    let code = result.as_ref().err().map(|error| error.code());
    let (Some(codes::CONFIGURATION_ERROR), Some(_), Some(name)) = (code, &config.operation_key, &config.name)
    else {
        return result;
    };
    let known = inside.driver.find_container(name).await?;
    known.map_or(result, Ok)
}

async fn kept_for_ever(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let own = ContainerFilter::default().session(SessionId::new(config.session_id.as_str())?);
    let all_gone = inside.driver.list_containers(&own).await?.is_empty();
    if let Some(key) = &config.operation_key
        && inside.memory.note(&format!("key {key}")) > 0
        && all_gone
    {
        return Err(ContainerCreationError::new("the key was used before").into());
    }
    inside.driver.create_container(config).await
}
