//! Checks of creating containers.

use std::time::Duration;

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerId, ContainerState, ContainerStatus, LogOptions,
    NetworkMode, Property, PullPolicy, RemoveOptions, ResourceLimits, VolumeMount,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "creation/created-not-started",
        "A new container has status `created`, state `terminated`, no start time and no exit.",
        run!(not_started),
    )
    .properties(&[Property::CreatedState]),
    Check::must(
        "creation/does-not-run",
        "The command has no effect until the container is started.",
        run!(does_not_run),
    )
    .properties(&[Property::CreatedState]),
    Check::must(
        "creation/ids-are-unique",
        "Containers created concurrently have distinct ids and names.",
        run!(unique_ids),
    )
    .without_programs(),
    Check::must(
        "creation/creation-time-monotonic",
        "A later container has a later creation time.",
        run!(creation_time),
    )
    .without_programs(),
    Check::must(
        "creation/name-round-trip",
        "Create, get and list return the configured name.",
        run!(name_round_trip),
    )
    .without_programs(),
    Check::must(
        "creation/generated-name",
        "A container without a configured name gets a valid, unique name and is found by it.",
        run!(generated_name),
    )
    .without_programs(),
    Check::must(
        "creation/name-taken",
        "A creation with a taken name is refused, not retryable, and the existing container is unchanged.",
        run!(name_taken),
    ),
    Check::must(
        "creation/config-recorded",
        "Every driver returns session, image, labels and limits as configured.",
        run!(config_recorded),
    )
    .without_programs(),
    Check::must(
        "creation/default-limits",
        "A container without configured limits gets 0.5 cores, 512 MiB memory, 100 processes and no disk \
         limit.",
        run!(default_limits),
    )
    .without_programs(),
    Check::must(
        "creation/arguments-verbatim",
        "A program receives its arguments verbatim, without a shell.",
        run!(arguments),
    ),
    Check::must(
        "creation/environment-verbatim",
        "A program receives its environment variables verbatim.",
        run!(environment),
    ),
    Check::must(
        "creation/image-missing",
        "A creation with a missing image returns a non-retryable `ImageNotFoundError` and creates nothing.",
        run!(image_missing),
    )
    .without_image(),
    Check::must(
        "creation/volume-missing",
        "A creation with a missing volume is refused and does not create the volume.",
        run!(volume_missing),
    )
    .without_programs()
    .because("engines create the volume silently and keep it when the container is removed"),
    Check::must(
        "creation/network-missing",
        "A creation with a missing network is refused.",
        run!(network_missing),
    )
    .without_programs()
    .because("one engine reports it only at start"),
];

async fn not_started(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let actual = ctx.get(&created.id).await?;
    for instance in [created, actual] {
        ctx.equal("status", instance.status, ContainerStatus::Created)?;
        ctx.equal("state", instance.state, ContainerState::Terminated)?;
        ctx.equal("started at", instance.started_at, None)?;
        ctx.equal("exit", instance.exit, None)?;
    }
    Ok(())
}

async fn does_not_run(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("echo ran")).await?;
    sleep(Duration::from_secs(1)).await;
    let logs = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await?;
    ctx.equal("logs before the start", logs, String::new())?;
    ctx.equal(
        "status",
        ctx.get(&created.id).await?.status,
        ContainerStatus::Created,
    )?;
    // Control: the command has an effect once the container is started.
    ctx.driver().start_container(&created.id).await?;
    ctx.printed(&created.id, "ran").await?;
    Ok(())
}

async fn unique_ids(ctx: Ctx) -> CheckResult {
    let created = ctx
        .together(8, |_| {
            let (driver, config) = (ctx.driver().clone(), ctx.script("true"));
            async move { driver.create_container(&config).await }
        })
        .await?;
    let created = created.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ids: std::collections::BTreeSet<_> = created.iter().map(|one| one.id.clone()).collect();
    let names: std::collections::BTreeSet<_> = created.iter().map(|one| one.name.clone()).collect();
    ctx.equal("distinct ids", ids.len(), 8)?;
    ctx.equal("distinct names", names.len(), 8)
}

async fn creation_time(ctx: Ctx) -> CheckResult {
    let first = ctx.driver().create_container(&ctx.script("true")).await?;
    sleep(Duration::from_millis(1100)).await;
    let second = ctx.driver().create_container(&ctx.script("true")).await?;
    let later = second.created_at > first.created_at;
    ctx.ensure(
        "the second was created later",
        later,
        (first.created_at, second.created_at),
    )?;
    ctx.equal(
        "a lookup returns the same time",
        ctx.get(&first.id).await?.created_at,
        first.created_at,
    )
}

async fn name_round_trip(ctx: Ctx) -> CheckResult {
    let name = format!("{}_A.b-9", ctx.name());
    let created = ctx
        .driver()
        .create_container(&ctx.script("true").name(&name))
        .await?;
    ctx.equal("name from create", created.name.as_str(), name.as_str())?;
    ctx.equal(
        "name from get",
        ctx.get(&created.id).await?.name.as_str(),
        name.as_str(),
    )?;
    let listed: Vec<String> = ctx
        .driver()
        .list_containers(&ctx.session_filter())
        .await?
        .into_iter()
        .map(|one| one.name)
        .collect();
    ctx.equal("names from list", listed, vec![name.clone()])?;
    let by_name = ctx.driver().find_container(&name).await?;
    ctx.equal(
        "id when found by name",
        by_name.map(|found| found.id),
        Some(created.id),
    )
}

async fn generated_name(ctx: Ctx) -> CheckResult {
    let mut config = ctx.script("true");
    config.name = None;
    let first = ctx.driver().create_container(&config).await?;
    let second = ctx.driver().create_container(&config).await?;
    ctx.ensure(
        "the names differ",
        first.name != second.name,
        (&first.name, &second.name),
    )?;
    let id = ContainerId::new(first.name.as_str());
    ctx.ensure("the name is valid", id.is_ok(), &first.name)?;
    let by_name = ctx.driver().find_container(&first.name).await?;
    ctx.equal(
        "id when found by name",
        by_name.map(|found| found.id),
        Some(first.id),
    )
}

async fn name_taken(ctx: Ctx) -> CheckResult {
    let first = ctx.ready(&ctx.script(SERVE)).await?;
    let again = ctx.script("echo other").name(&first.name);
    let error = ctx.driver().create_container(&again).await;
    let error = ctx.refused("the second creation", error, &[codes::CONTAINER_CREATION_FAILED])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.equal("hint", error.hint(), Some(Hint::NameTaken))?;
    ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    let now = ctx.get(&first.id).await?;
    ctx.equal(
        "the first container",
        (now.status, now.started_at),
        (first.status, first.started_at),
    )?;
    ctx.driver()
        .remove_container(&first.id, RemoveOptions::force())
        .await?;
    let third = ctx.driver().create_container(&again).await?;
    ctx.equal("the name once it is free", third.name, first.name)
}

async fn config_recorded(ctx: Ctx) -> CheckResult {
    let limits = ResourceLimits::default().cpu(0.25).memory(64).disk(128).pids(42);
    let config = ctx
        .script("true")
        .resources(limits)
        .label("empty", "")
        .label("unicode", "größe ✓ 日本")
        .label("com.example/path.key", "a=b,c*d \"e\"")
        .label("long", "x".repeat(2048));
    let created = ctx.driver().create_container(&config).await?;
    let other = ctx.second_driver().await?.get_container(&created.id).await?;
    let listed = ctx.driver().list_containers(&ctx.session_filter()).await?;
    ctx.equal(
        "found by the other driver and by list",
        (other.is_some(), listed.len()),
        (true, 1),
    )?;
    for instance in std::iter::once(created).chain(other).chain(listed) {
        ctx.equal("session", &instance.session_id, ctx.session())?;
        ctx.equal("image", instance.image.as_str(), ctx.image())?;
        ctx.equal("labels", &instance.labels, &config.labels)?;
        ctx.equal("limits", instance.resources, limits)?;
    }
    Ok(())
}

async fn default_limits(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let mut expected = ResourceLimits::default().cpu(0.5).memory(512).pids(100);
    expected.disk = None;
    ctx.equal("limits", ctx.get(&created.id).await?.resources, expected)
}

async fn arguments(ctx: Ctx) -> CheckResult {
    let args = [
        "a  b", "", "$HOME", "*", "\"quoted\"", "it's", "back\\slash", "größe", ";true", "$(id)", "--", "-n",
        "end",
    ];
    let config = ctx.program(std::iter::once("echo").chain(args));
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal(
        "arguments received by `echo`",
        logs,
        format!("{}\n", args.join(" ")),
    )
}

async fn environment(ctx: Ctx) -> CheckResult {
    let values = [
        ("EMPTY", ""),
        ("EQUALS", "a=b=c"),
        ("SPACES", "  two  spaces "),
        ("DOLLAR", "$HOME `id` ${X}"),
        ("QUOTES", "\"double\" 'single'"),
        ("UNICODE", "größe 日本"),
    ];
    let mut config = ctx.script(r#"echo "[$EMPTY][$EQUALS][$SPACES][$DOLLAR][$QUOTES][$UNICODE]""#);
    for (key, value) in values {
        config = config.env(key, value);
    }
    let (_, logs) = ctx.finished(&config).await?;
    let expected: String = values.iter().map(|(_, value)| format!("[{value}]")).collect();
    ctx.equal("the values the process sees", logs, format!("{expected}\n"))
}

async fn image_missing(ctx: Ctx) -> CheckResult {
    let mut config = ctx.script("true").pull_policy(PullPolicy::Never);
    config.image = format!("localhost/{}:none", ctx.name());
    let result = ctx.driver().create_container(&config).await;
    let error = ctx.refused("creating from a missing image", result, &[codes::IMAGE_NOT_FOUND])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.equal("hint", error.hint(), Some(Hint::PullForbidden))?;
    ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn volume_missing(ctx: Ctx) -> CheckResult {
    let missing = ctx.name();
    let config = ctx
        .script("true")
        .security(super::volumes::writable())
        .mount(VolumeMount::volume(&missing, "/data"));
    let result = ctx.driver().create_container(&config).await;
    let error = ctx.refused(
        "creating with a missing volume",
        result,
        &[codes::VOLUME_NOT_FOUND],
    )?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.ensure(
        "the error names the volume",
        error.to_string().contains(&missing),
        error.to_string(),
    )?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )?;
    // If the engine had created the volume, this creation would fail because the name is taken.
    let created = ctx
        .driver()
        .create_volume(&driver_interface_types::VolumeConfig::new(&missing))
        .await?;
    ctx.equal("a volume of that name can be created", created.name, missing)
}

async fn network_missing(ctx: Ctx) -> CheckResult {
    let missing = ctx.name();
    let config = ctx.script("true").network(NetworkMode::Named(missing.clone()));
    let result = ctx.driver().create_container(&config).await;
    let error = ctx.refused(
        "creating with a missing network",
        result,
        &[codes::NETWORK_NOT_FOUND],
    )?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.ensure(
        "the error names the network",
        error.to_string().contains(&missing),
        error.to_string(),
    )?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}
