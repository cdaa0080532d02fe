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
        "plan-loses-environment",
        "The config of a plan has no environment variables.",
        &[Plan(|inside, config| loses_environment(inside, config).boxed())],
        &["plan/accepted"],
    ),
    Fault::new(
        "plan-accepts-anything",
        "A plan never has refusals.",
        &[Plan(|inside, config| accepts_anything(inside, config).boxed())],
        &["plan/refusals", "plan/exceeds-driver-limit", "plan/strictness"],
    ),
    Fault::new(
        "plan-reports-first-violation-only",
        "A plan reports only the first violation.",
        &[Plan(|inside, config| {
            first_violation_only(inside, config).boxed()
        })],
        &["plan/refusals"],
    ),
    Fault::new(
        "plan-creates",
        "A plan creates the container.",
        &[Plan(|inside, config| creates(inside, config).boxed())],
        &["plan/no-side-effects"],
    ),
    Fault::new(
        "plan-pulls-image",
        "A plan pulls the image.",
        &[
            Plan(|inside, config| pulls(inside, config).boxed()),
            ListImages(|inside, filter| with_pulled(inside, filter).boxed()),
        ],
        &["plan/no-side-effects"],
    ),
    Fault::new(
        "plan-without-warnings",
        "A plan never has warnings.",
        &[Plan(|inside, config| without_warnings(inside, config).boxed())],
        &["plan/matches-creation", "plan/strictness"],
    ),
    Fault::new(
        "plan-wrong-disk-enforcement",
        "A plan reports the disk limit as enforced exactly when it is not.",
        &[Plan(|inside, config| {
            wrong_disk_enforcement(inside, config).boxed()
        })],
        &["plan/matches-creation"],
    ),
    Fault::new(
        "plan-refuses-strict-configs",
        "A plan refuses every strict config, even without warnings.",
        &[Plan(|inside, config| refuses_strict(inside, config).boxed())],
        &["plan/strictness"],
    ),
    Fault::new(
        "plan-ignores-strictness",
        "A plan ignores the strictness of the config.",
        &[Plan(|inside, config| ignores_strictness(inside, config).boxed())],
        &["plan/strictness"],
    ),
    Fault::new(
        "plan-loses-entrypoint",
        "The image of a plan has no entrypoint.",
        &[Plan(|inside, config| loses_entrypoint(inside, config).boxed())],
        &["plan/image"],
    ),
    Fault::new(
        "plan-without-advice",
        "A plan never has advice.",
        &[Plan(|inside, config| without_advice(inside, config).boxed())],
        &["plan/image"],
    ),
    Fault::new(
        "keys-not-recorded",
        "Operation keys are not recorded.",
        &[Config(|config| {
            if config.operation_key.take().is_some() {
                config.name = None;
            }
        })],
        &[
            "keys/same-key-same-container",
            "keys/generated-name-reused",
            "keys/different-config-refused",
            "keys/concurrent",
        ],
    ),
    Fault::new(
        "keys-known-to-one-driver",
        "A driver does not see the operation keys of other drivers.",
        &[CreateContainer(|inside, config| {
            known_to_one_driver(inside, config).boxed()
        })],
        &["keys/same-key-same-container"],
    ),
    Fault::new(
        "known-key-ignores-config",
        "A creation with a known key returns its container, regardless of the config.",
        &[CreateContainer(|inside, config| {
            known_key_ignores_config(inside, config).boxed()
        })],
        &["keys/different-config-refused"],
    ),
    Fault::new(
        "same-config-same-container",
        "A creation without a key returns the container of an earlier creation with the same config.",
        &[Config(|config| {
            let fingerprint = config.fingerprint();
            config.operation_key.get_or_insert(fingerprint);
        })],
        &[
            "keys/no-key-new-container", "creation/generated-name", "concurrency/create-same-name",
        ],
    ),
    Fault::new(
        "keys-of-removed-stay-taken",
        "The key of a removed container stays taken.",
        &[CreateContainer(|inside, config| {
            keys_stay_taken(inside, config).boxed()
        })],
        &["keys/reusable-after-removal"],
    ),
];

async fn loses_environment(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.config.env.clear();
    Ok(plan)
}

async fn accepts_anything(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.refusals.clear();
    Ok(plan)
}

async fn first_violation_only(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.refusals.truncate(1);
    Ok(plan)
}

async fn creates(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let plan = inside.driver.plan(config).await?;
    if plan.is_accepted() {
        // The plan is returned whether or not the creation succeeds.
        let _ = inside.driver.create_container(config).await;
    }
    Ok(plan)
}

async fn pulls(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    if config.pull_policy == PullPolicy::Always {
        inside.memory.note(&format!("pulled {}", config.image));
    }
    inside.driver.plan(config).await
}

async fn with_pulled(inside: &Inside, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
    let mut images = inside.driver.list_images(filter).await?;
    let reference = filter.reference.as_ref().map_or("", |image| image.as_str());
    if inside.memory.latest(&format!("pulled {reference}")).is_some() {
        images.push(ImageInfo::new(reference, 1));
    }
    Ok(images)
}

async fn without_warnings(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.warnings.clear();
    Ok(plan)
}

async fn wrong_disk_enforcement(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.enforcement.disk = match plan.enforcement.disk {
        Enforcement::Enforced => Enforcement::unsupported("invented"),
        _ => Enforcement::Enforced,
    };
    Ok(plan)
}

async fn refuses_strict(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    if config.strictness == Strictness::Require {
        let refusal = Warning::new("resources.cpu", "not-enforced", "unknown");
        plan.refusals.push(refusal);
    }
    Ok(plan)
}

async fn ignores_strictness(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let config = config.clone().strictness(Strictness::default());
    inside.driver.plan(&config).await
}

async fn loses_entrypoint(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    if let Some(image) = &mut plan.image {
        image.entrypoint.clear();
    }
    Ok(plan)
}

async fn without_advice(inside: &Inside, config: &ContainerConfig) -> Result<CreationPlan> {
    let mut plan = inside.driver.plan(config).await?;
    plan.advice.clear();
    Ok(plan)
}

async fn known_to_one_driver(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    let number = inside.number();
    config.operation_key = config.operation_key.map(|key| format!("{key}-{number}"));
    inside.driver.create_container(&config).await
}

async fn known_key_ignores_config(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    let code = result.as_ref().err().map(|error| error.code());
    let (Some(codes::CONFIGURATION_ERROR), Some(_), Some(name)) = (code, &config.operation_key, &config.name)
    else {
        return result;
    };
    let known = inside.driver.find_container(name).await?;
    known.map_or(result, Ok)
}

async fn keys_stay_taken(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
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
