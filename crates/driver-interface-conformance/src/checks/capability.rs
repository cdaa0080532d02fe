//! Checks that a driver supports what it declares and rejects what it does not declare.

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerInstance, DriverError, Guarantee, ImageRef, Operation,
    ResourceFilter, Strictness,
};

use crate::{Check, CheckResult, Ctx, Failure, TestImage, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "capability/stable-identity",
        "Name, version and capabilities are the same for every call and for every driver of one engine.",
        run!(stable_identity),
    )
    .without_image(),
    Check::must(
        "capability/undeclared-operations-refused",
        "A call to an undeclared optional operation returns a non-retryable `UnsupportedError` and has no \
         effect.",
        run!(undeclared_operations),
    )
    .without_image(),
    Check::must(
        "capability/undeclared-limit-warns",
        "The instance has a warning for each limit or security option that the driver does not declare.",
        run!(undeclared_limit_warns),
    )
    .without_programs()
    .because("a limit that the engine cannot enforce must not be dropped silently"),
    Check::must(
        "capability/undeclared-limit-refused-when-strict",
        "With `Strictness::Require`, a creation whose limits or security options cannot be enforced is \
         refused.",
        run!(undeclared_limit_strict),
    )
    .without_programs(),
    Check::must(
        "capability/declared-limits-accepted",
        "Declared limits and security options cause no warning, and neither do limits that the config does \
         not set.",
        run!(declared_limits),
    )
    .without_programs(),
    Check::must(
        "capability/volume-list",
        "If declared, `list_volumes` lists the volumes that match its filter.",
        run!(volume_list),
    )
    .requires(&[Operation::ListVolumes])
    .without_image(),
    Check::must(
        "capability/network-list",
        "If declared, `list_networks` lists the networks that match its filter.",
        run!(network_list),
    )
    .requires(&[Operation::ListNetworks])
    .without_image(),
    Check::must(
        "capability/image-import-and-remove",
        "An imported image can be used, imported again under the same name, and removed once.",
        run!(image_import),
    )
    .requires(&[Operation::ImportImage, Operation::RemoveImage])
    .without_image(),
    Check::must(
        "capability/image-in-use-not-removed",
        "An image that a container uses is not removed, and containers can still be created from it.",
        run!(image_in_use),
    )
    .without_programs()
    .requires(&[Operation::ImportImage, Operation::RemoveImage]),
];

/// The guarantees for the limits that [`every_limit`] sets.
const LIMITS: &[Guarantee] = &[
    Guarantee::Cpu,
    Guarantee::Memory,
    Guarantee::Disk,
    Guarantee::Pids,
    Guarantee::ReadOnly,
    Guarantee::NoNewPrivileges,
    Guarantee::Capabilities,
    Guarantee::User,
];

async fn stable_identity(ctx: Ctx) -> CheckResult {
    let (first, second) = (ctx.driver(), ctx.second_driver().await?);
    ctx.ensure("the name is not empty", !first.name().is_empty(), first.name())?;
    let numbers: Vec<&str> = first
        .version()
        .split(['-', '+'])
        .next()
        .unwrap_or_default()
        .split('.')
        .collect();
    let semantic = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok());
    ctx.ensure("the version is a semantic version", semantic, first.version())?;
    for _ in 0..3 {
        ctx.equal("name", second.name(), first.name())?;
        ctx.equal("version", second.version(), first.version())?;
        ctx.equal("capabilities", &second.capabilities(), ctx.capabilities())?;
        ctx.equal("capabilities", &first.capabilities(), ctx.capabilities())?;
    }
    Ok(())
}

async fn undeclared_operations(ctx: Ctx) -> CheckResult {
    let mut results: Vec<(Operation, Option<DriverError>)> = Vec::new();
    for operation in Operation::ALL
        .iter()
        .copied()
        .filter(|operation| !ctx.declares(*operation))
    {
        results.push((
            operation,
            crate::call(ctx.driver(), operation, &ctx.name()).await.err(),
        ));
    }
    if results.is_empty() {
        return Err(Verdict::NotApplicable(
            "the driver declares every optional operation".to_owned(),
        ));
    }
    for (operation, error) in results {
        let code = error.as_ref().map(DriverError::code);
        ctx.equal(
            format!("the error of {operation}"),
            code,
            Some(codes::UNSUPPORTED_OPERATION),
        )?;
        let retryable = error.as_ref().is_some_and(DriverError::is_retryable);
        ctx.equal(format!("retryable ({operation})"), retryable, false)?;
    }
    Ok(())
}

fn undeclared(ctx: &Ctx) -> CheckResult<Vec<&'static str>> {
    let undeclared = LIMITS.iter().filter(|limit| !ctx.declares(**limit));
    let paths: Vec<&str> = undeclared.map(|limit| limit.path()).collect();
    if paths.is_empty() {
        return Err(Verdict::NotApplicable(
            "the driver declares every limit and security option".to_owned(),
        ));
    }
    Ok(paths)
}

/// Builds a config that sets all limits, including the optional ones.
fn every_limit(ctx: &Ctx) -> ContainerConfig {
    ctx.script("true").disk(64)
}

async fn undeclared_limit_warns(ctx: Ctx) -> CheckResult {
    let undeclared = undeclared(&ctx)?;
    let created = ctx.driver().create_container(&every_limit(&ctx)).await?;
    let again = ctx.get(&created.id).await?;
    let other = ctx.second_driver().await?.get_container(&created.id).await?;
    let other = other.ok_or_else(|| Failure::new("the other driver's view", "the container", "none"))?;
    for path in undeclared {
        for (when, instance) in [
            ("creation", &created),
            ("a lookup", &again),
            ("a lookup by another driver", &other),
        ] {
            let warned = instance
                .warnings
                .iter()
                .any(|warning| warning.path.starts_with(path));
            ctx.ensure(format!("{when} warns about {path}"), warned, &instance.warnings)?;
        }
    }
    Ok(())
}

async fn undeclared_limit_strict(ctx: Ctx) -> CheckResult {
    let undeclared = undeclared(&ctx)?;
    let config = every_limit(&ctx).strictness(Strictness::Require);
    let result = ctx.driver().create_container(&config).await;
    let error = ctx.refused("a strict creation", result, &[codes::UNSUPPORTED_OPERATION])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    let text = error.to_string();
    let named = undeclared
        .iter()
        .any(|path| text.contains(path.rsplit('.').next().unwrap_or(path)));
    ctx.ensure("the error names the unenforceable options", named, text)?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn declared_limits(ctx: Ctx) -> CheckResult {
    let warns = |created: &ContainerInstance, path: &str| {
        created
            .warnings
            .iter()
            .any(|warning| warning.path.starts_with(path))
    };
    let created = ctx.driver().create_container(&every_limit(&ctx)).await?;
    for limit in LIMITS {
        let path = limit.path();
        if ctx.declares(*limit) {
            ctx.ensure(
                format!("no warning about {path}"),
                !warns(&created, path),
                &created.warnings,
            )?;
        }
    }
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    ctx.ensure(
        "no warning about a disk limit that is not configured",
        !warns(&created, "resources.disk"),
        &created.warnings,
    )
}

async fn volume_list(ctx: Ctx) -> CheckResult {
    let (one, two) = (ctx.volume().label("role", "a"), ctx.volume().label("role", "b"));
    ctx.driver().create_volume(&one).await?;
    ctx.driver().create_volume(&two).await?;
    let names = async |filter: ResourceFilter| -> CheckResult<Vec<String>> {
        let found = ctx.driver().list_volumes(&filter).await?;
        Ok(found.into_iter().map(|volume| volume.name).collect())
    };
    let own = ResourceFilter::default().session(ctx.session().clone());
    let mut all = names(own.clone()).await?;
    all.sort();
    ctx.equal("the session's volumes", all, vec![one.name.clone(), two.name])?;
    ctx.equal(
        "the volumes with the label",
        names(own.label("role", "a")).await?,
        vec![one.name],
    )?;
    let elsewhere = ResourceFilter::default().session(ctx.new_session()?);
    ctx.equal("another session's volumes", names(elsewhere).await?, Vec::new())
}

async fn network_list(ctx: Ctx) -> CheckResult {
    let (one, two) = (ctx.network().label("role", "a"), ctx.network().label("role", "b"));
    ctx.driver().create_network(&one).await?;
    ctx.driver().create_network(&two).await?;
    let names = async |filter: ResourceFilter| -> CheckResult<Vec<String>> {
        let found = ctx.driver().list_networks(&filter).await?;
        Ok(found.into_iter().map(|network| network.name).collect())
    };
    let own = ResourceFilter::default().session(ctx.session().clone());
    let mut all = names(own.clone()).await?;
    all.sort();
    ctx.equal("the session's networks", all, vec![one.name.clone(), two.name])?;
    ctx.equal(
        "the networks with the label",
        names(own.label("role", "a")).await?,
        vec![one.name],
    )?;
    let elsewhere = ResourceFilter::default().session(ctx.new_session()?);
    ctx.equal("another session's networks", names(elsewhere).await?, Vec::new())
}

/// Imports an image under the name `localhost/{name}:1`. The image's programs are empty files. Containers can be
/// created from the image, but cannot run.
pub(super) async fn import(ctx: &Ctx, name: &str) -> CheckResult<ImageRef> {
    let image = ImageRef::new(format!("localhost/{name}:1"))?;
    let TestImage::Root(root) = TestImage::simulated() else {
        return Err(Verdict::Broken("the empty image could not be created".to_owned()));
    };
    ctx.driver().import_image(&image, root.into()).await?;
    Ok(image)
}

async fn image_import(ctx: Ctx) -> CheckResult {
    let name = ctx.name();
    import(&ctx, &name).await?;
    let image = import(&ctx, &name).await?;
    let mut config = ctx.program(["true"]);
    config.image = image.to_string();
    let created = ctx.driver().create_container(&config).await?;
    ctx.equal("the container's image", created.image, image.to_string())?;
    ctx.driver()
        .remove_container(&created.id, driver_interface_types::RemoveOptions::default())
        .await?;
    ctx.driver().remove_image(&image).await?;
    let again = ctx.driver().remove_image(&image).await;
    let error = ctx.refused("the second removal", again, &[codes::IMAGE_NOT_FOUND])?;
    ctx.equal("retryable", error.is_retryable(), false)
}

async fn image_in_use(ctx: Ctx) -> CheckResult {
    let image = import(&ctx, &ctx.name()).await?;
    let mut config = ctx.program(["true"]);
    config.image = image.to_string();
    let created = ctx.driver().create_container(&config).await?;
    let removed = ctx.driver().remove_image(&image).await;
    let error = ctx.refused("removing an image in use", removed, &[codes::IMAGE_REMOVE_FAILED])?;
    ctx.equal("hint", error.hint(), Some(Hint::InUse))?;
    let mut another = ctx.program(["true"]);
    another.image = image.to_string();
    let second = ctx.driver().create_container(&another).await;
    ctx.ensure("the image still exists", second.is_ok(), &second)?;
    ctx.equal(
        "the first container",
        ctx.get(&created.id).await?.status,
        created.status,
    )
}
