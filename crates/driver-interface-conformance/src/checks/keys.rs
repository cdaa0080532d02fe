//! Checks of operation keys: a creation that is retried with the same key creates no duplicate.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{ContainerDriver, RemoveOptions};

use crate::{Check, CheckResult, Ctx, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "keys/same-key-same-container",
        "A second creation with the same key and config returns the same container, even from another \
         driver.",
        run!(same_key),
    )
    .without_programs(),
    Check::must(
        "keys/generated-name-reused",
        "With a key and no name, a second creation returns the first container with its generated name.",
        run!(no_name),
    )
    .without_programs(),
    Check::must(
        "keys/different-config-refused",
        "A known key with a different config is refused, and the container is unchanged.",
        run!(other_config),
    )
    .without_programs(),
    Check::must(
        "keys/no-key-new-container",
        "Every creation without a key creates a new container.",
        run!(no_key),
    )
    .without_programs(),
    Check::must(
        "keys/reusable-after-removal",
        "After its container is removed, a key creates a new one.",
        run!(after_removal),
    )
    .without_programs(),
    Check::must(
        "keys/concurrent",
        "Concurrent creations with one key all return the same container, and only one exists.",
        run!(concurrent),
    )
    .without_programs(),
];

async fn same_key(ctx: Ctx) -> CheckResult {
    let config = ctx.script("true").operation_key(ctx.name());
    let first = ctx.driver().create_container(&config).await?;
    let second = ctx.driver().create_container(&config).await?;
    let third = ctx.second_driver().await?.create_container(&config).await?;
    ctx.equal("ids", (&second.id, &third.id), (&first.id, &first.id))?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        1,
    )
}

async fn no_name(ctx: Ctx) -> CheckResult {
    let mut config = ctx.script("true").operation_key(ctx.name());
    config.name = None;
    let first = ctx.driver().create_container(&config).await?;
    let second = ctx.driver().create_container(&config).await?;
    ctx.equal("id and name", (second.id, second.name), (first.id, first.name))?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        1,
    )
}

async fn other_config(ctx: Ctx) -> CheckResult {
    let config = ctx.script("true").operation_key(ctx.name());
    let first = ctx.driver().create_container(&config).await?;
    for (about, other) in [
        ("another variable", config.clone().env("CHANGED", "yes")),
        ("another limit", config.clone().memory(65)),
        ("another name", config.clone().name(ctx.name())),
    ] {
        let result = ctx.driver().create_container(&other).await;
        let error = ctx.refused(
            format!("the creation with {about}"),
            result,
            &[codes::CONFIGURATION_ERROR],
        )?;
        ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
        ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
    }
    ctx.equal(
        "the containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?,
        vec![ctx.get(&first.id).await?],
    )
}

async fn no_key(ctx: Ctx) -> CheckResult {
    let mut config = ctx.script("true");
    config.name = None;
    let first = ctx.driver().create_container(&config).await?;
    let second = ctx.driver().create_container(&config).await?;
    ctx.ensure("the ids differ", first.id != second.id, (&first.id, &second.id))
}

async fn after_removal(ctx: Ctx) -> CheckResult {
    let config = ctx.script("true").operation_key(ctx.name());
    let first = ctx.driver().create_container(&config).await?;
    ctx.driver()
        .remove_container(&first.id, RemoveOptions::default())
        .await?;
    let second = ctx.driver().create_container(&config).await?;
    ctx.ensure(
        "it is a new container",
        first.id != second.id,
        (&first.id, &second.id),
    )
}

async fn concurrent(ctx: Ctx) -> CheckResult {
    let (second, config) = (
        ctx.second_driver().await?,
        ctx.script("true").operation_key(ctx.name()),
    );
    let created = ctx
        .together(16, |number| {
            let (driver, config) = (ctx.in_turn(&second, number).clone(), config.clone());
            async move { driver.create_container(&config).await }
        })
        .await?;
    let created = created.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ids: std::collections::BTreeSet<_> = created.iter().map(|one| one.id.as_str()).collect();
    ctx.equal("distinct ids", ids.len(), 1)?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        1,
    )
}
