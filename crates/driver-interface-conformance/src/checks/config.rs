//! Checks that a driver rejects an invalid config before it calls the engine, and reports all violations at once.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, DriverError, NetworkConfig, VolumeConfig, VolumeMount, label,
};

use crate::{Check, CheckResult, Ctx, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "config/all-violations-reported",
        "A config with five violations is refused with all five, each with its path.",
        run!(all_violations),
    )
    .without_image(),
    Check::must(
        "config/name-invalid",
        "A container name that is not 2 to 255 letters, digits, `_`, `.` and `-` is refused, never \
         corrected.",
        run!(names),
    )
    .without_image(),
    Check::must(
        "config/session-invalid",
        "A session name with unsafe characters is refused.",
        run!(sessions),
    )
    .without_image(),
    Check::must(
        "config/image-malformed",
        "A malformed image reference returns `ConfigurationError`, not `ImageNotFoundError`.",
        run!(images),
    )
    .without_image(),
    Check::must(
        "config/environment-invalid",
        "Variable names that are empty or contain `=`, NUL or a line break, and values with NUL, are \
         refused.",
        run!(environment),
    )
    .without_image(),
    Check::must(
        "config/labels-reserved",
        "Labels with the reserved prefix are refused on containers, volumes and networks.",
        run!(reserved_labels),
    )
    .because("a user who can set the labels of sessions and namespaces can forge them")
    .without_image(),
    Check::must(
        "config/limits-out-of-range",
        "Limits that are zero, negative, infinite or NaN are refused, even if the engine accepts them.",
        run!(limits),
    )
    .without_image(),
    Check::must(
        "config/cpu-exceeds-driver-limit",
        "More CPU than the driver allows returns `ResourceLimitError` with the resource and both values.",
        run!(cpu_exceeds_limit),
    )
    .without_image(),
    Check::must(
        "config/memory-below-minimum",
        "Less memory than the declared minimum is refused at creation.",
        run!(memory_below_minimum),
    )
    .because("one engine refuses it only at start")
    .without_image(),
    Check::must(
        "config/volume-name-invalid",
        "A volume name with unsafe characters is refused and never becomes a host path.",
        run!(volume_names),
    )
    .without_image(),
    Check::must(
        "config/network-name-invalid",
        "A network name that has unsafe characters or is reserved by the driver is refused.",
        run!(network_names),
    )
    .without_image(),
    Check::must(
        "config/no-secrets-in-errors",
        "Errors never contain values of environment variables.",
        run!(secrets),
    )
    .without_image(),
];

/// Names that no driver may accept for any resource.
const INVALID_NAMES: &[&str] = &[
    "", "a", " ", "a b", "a/b", "../a", "..", "/a", "-a", ".a", "_a", "a\nb", "a\0b", "a;id", "$(id)",
    "a?b=c", "a%2fb", "größe", "😀😀",
];

/// Builds a valid config for checks that make one invalid change to it. The config's image does not exist, because
/// the driver must reject an invalid config before looking for the image.
pub(super) fn config(ctx: &Ctx) -> ContainerConfig {
    ContainerConfig::new(ctx.session().as_str(), "localhost/never-looked-for:1").name(ctx.name())
}

/// Asserts that the driver rejects a config with an error that is not retryable and has the effect "not applied". The
/// path of at least one violation in the error must start with `path`. Returns the error.
pub(super) async fn refused(
    ctx: &Ctx,
    about: &str,
    config: &ContainerConfig,
    path: &str,
) -> CheckResult<DriverError> {
    let result = ctx.driver().create_container(config).await;
    let error = ctx.refused(about, result, &[codes::CONFIGURATION_ERROR])?;
    violation(ctx, about, &error, path)?;
    Ok(error)
}

fn violation(ctx: &Ctx, about: &str, error: &DriverError, path: &str) -> CheckResult {
    ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
    ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
    let violations = error.to_report().violations;
    let found = violations
        .iter()
        .any(|violation| violation.path.starts_with(path));
    ctx.ensure(format!("a violation at `{path}` ({about})"), found, violations)
}

async fn all_violations(ctx: Ctx) -> CheckResult {
    let mut config = config(&ctx)
        .name("a/b")
        .env("A=B", "x")
        .cpu(f64::NAN)
        // Some drivers reject writable mounts in a container with a read-only root, which would be a sixth violation.
        .security(super::volumes::writable())
        .mount(VolumeMount::volume("data-1", "relative"));
    config.image = "Not An Image".to_owned();
    let error = refused(&ctx, "five violations", &config, "name").await?;
    for path in ["image", "env", "resources.cpu", "volumes[0].target"] {
        violation(&ctx, "five violations", &error, path)?;
    }
    ctx.equal("violations", error.to_report().violations.len(), 5)?;
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn names(ctx: Ctx) -> CheckResult {
    let long = "a".repeat(256);
    for name in INVALID_NAMES.iter().copied().chain([long.as_str()]) {
        refused(&ctx, &format!("name {name:?}"), &config(&ctx).name(name), "name").await?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}

async fn sessions(ctx: Ctx) -> CheckResult {
    let long = "a".repeat(129);
    // A session id may be a single character. Otherwise, the rules for names apply to it.
    let invalid_names = INVALID_NAMES.iter().copied().filter(|name| *name != "a");
    for session in invalid_names.chain([long.as_str()]) {
        let mut config = config(&ctx);
        session.clone_into(&mut config.session_id);
        refused(&ctx, &format!("session {session:?}"), &config, "sessionId").await?;
    }
    Ok(())
}

async fn images(ctx: Ctx) -> CheckResult {
    for image in [
        "", " ", "Upper/Case:1 ", "a b", "http://x/y", "a:b:c", "a@sha256:12", "-x", "a//b", "x?force=1",
        "../x",
    ] {
        let mut config = config(&ctx);
        image.clone_into(&mut config.image);
        refused(&ctx, &format!("image {image:?}"), &config, "image").await?;
    }
    Ok(())
}

/// Environment variables, by name and value, that no driver may pass to a process.
pub(super) const INVALID_VARIABLES: &[(&str, &str)] = &[
    ("", "x"),
    ("A=B", "x"),
    ("A\nB", "x"),
    ("A\tB", "x"),
    ("A\0B", "x"),
    ("A", "x\0y"),
];

async fn environment(ctx: Ctx) -> CheckResult {
    for (key, value) in INVALID_VARIABLES {
        refused(
            &ctx,
            &format!("variable {key:?} = {value:?}"),
            &config(&ctx).env(*key, *value),
            "env",
        )
        .await?;
    }
    Ok(())
}

async fn reserved_labels(ctx: Ctx) -> CheckResult {
    for key in [label::SESSION, label::NAMESPACE, "io.driver-interface.anything"] {
        refused(&ctx, key, &config(&ctx).label(key, "x"), "labels").await?;
        let volume = ctx.driver().create_volume(&ctx.volume().label(key, "x")).await;
        let error = ctx.refused(
            format!("volume with {key}"),
            volume,
            &[codes::CONFIGURATION_ERROR],
        )?;
        violation(&ctx, key, &error, "labels")?;
        let network = ctx.driver().create_network(&ctx.network().label(key, "x")).await;
        let error = ctx.refused(
            format!("network with {key}"),
            network,
            &[codes::CONFIGURATION_ERROR],
        )?;
        violation(&ctx, key, &error, "labels")?;
    }
    Ok(())
}

async fn limits(ctx: Ctx) -> CheckResult {
    for cpu in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(
            &ctx,
            &format!("cpu {cpu}"),
            &config(&ctx).cpu(cpu),
            "resources.cpu",
        )
        .await?;
    }
    refused(&ctx, "memory 0", &config(&ctx).memory(0), "resources.memory").await?;
    refused(&ctx, "disk 0", &config(&ctx).disk(0), "resources.disk").await?;
    refused(&ctx, "pids 0", &config(&ctx).pids(0), "resources.pids").await?;
    Ok(())
}

async fn cpu_exceeds_limit(ctx: Ctx) -> CheckResult {
    let Some(max) = ctx.capabilities().bounds.max_cpu else {
        return Err(Verdict::NotApplicable(
            "the driver declares no CPU limit".to_owned(),
        ));
    };
    let result = ctx.driver().create_container(&config(&ctx).cpu(max + 1.0)).await;
    let error = ctx.refused("more CPU than allowed", result, &[codes::RESOURCE_LIMIT_EXCEEDED])?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    let details = error.to_report().details;
    let actual = details
        .as_ref()
        .map(|one| (one.resource.as_str(), one.limit, one.requested));
    ctx.equal(
        "resource, limit and requested",
        actual,
        Some(("cpu", Some(max), Some(max + 1.0))),
    )
}

async fn memory_below_minimum(ctx: Ctx) -> CheckResult {
    let minimum = ctx.capabilities().bounds.min_memory;
    if minimum < 2 {
        return Err(Verdict::NotApplicable(
            "the driver declares no minimum memory".to_owned(),
        ));
    }
    let result = ctx
        .driver()
        .create_container(&config(&ctx).memory(minimum - 1))
        .await;
    let refusals = [codes::CONFIGURATION_ERROR, codes::RESOURCE_LIMIT_EXCEEDED];
    let error = ctx.refused("less memory than the minimum", result, &refusals)?;
    ctx.equal("retryable", error.is_retryable(), false)?;
    ctx.equal("effect", error.effect(), Effect::NotApplied)
}

async fn volume_names(ctx: Ctx) -> CheckResult {
    for name in INVALID_NAMES {
        let result = ctx.driver().create_volume(&VolumeConfig::new(*name)).await;
        let error = ctx.refused(format!("volume {name:?}"), result, &[codes::CONFIGURATION_ERROR])?;
        violation(&ctx, name, &error, "name")?;
    }
    Ok(())
}

async fn network_names(ctx: Ctx) -> CheckResult {
    // The last names have a special meaning in a container's config, so containers could not use such a network.
    for name in INVALID_NAMES.iter().copied().chain(["none", "host", "default"]) {
        let result = ctx.driver().create_network(&NetworkConfig::new(name)).await;
        let error = ctx.refused(format!("network {name:?}"), result, &[codes::CONFIGURATION_ERROR])?;
        violation(&ctx, name, &error, "name")?;
    }
    Ok(())
}

async fn secrets(ctx: Ctx) -> CheckResult {
    const SECRET: &str = "hunter2-marker";
    let mut invalid = config(&ctx)
        .env("API_KEY", SECRET)
        .env("BAD=KEY", SECRET)
        .env("NUL", format!("{SECRET}\0"));
    invalid.image = "Not An Image".to_owned();
    let missing = config(&ctx)
        .env("API_KEY", SECRET)
        .pull_policy(driver_interface_types::PullPolicy::Never);
    for (about, config) in [("an invalid config", invalid), ("a missing image", missing)] {
        let Err(error) = ctx.driver().create_container(&config).await else {
            return Err(crate::Failure::new(about, "to be refused", "success").into());
        };
        let report = serde_json::to_string(&error.to_report()).unwrap_or_default();
        for text in [
            format!("{error:#}"),
            format!("{error:?}"),
            error.user_message(),
            report,
        ] {
            ctx.ensure(
                format!("no secret in the error for {about}"),
                !text.contains(SECRET),
                text,
            )?;
        }
    }
    Ok(())
}
