//! Checks of creation plans.

use driver_interface_types::{
    ByteStream, ContainerConfig, ContainerDriver, ContainerFilter, CreationPlan, ImageFilter, ImageInfo,
    Operation, PullPolicy, ResourceFilter, SecurityOptions, Strictness, Warning,
};
use serde_json::json;

use super::config::config;
use super::images::saved_with;
use crate::{Check, CheckResult, Ctx, Failure, run};

const NEEDS: &[Operation] = &[Operation::Plan];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "plan/accepted",
        "The plan of a valid config has no refusals and contains all configured values.",
        run!(accepted),
    )
    .without_programs()
    .requires(NEEDS),
    Check::must(
        "plan/refusals",
        "The plan of an invalid config is not an error; it lists the violations that the creation reports.",
        run!(refusals),
    )
    .requires(NEEDS)
    .without_image(),
    Check::must(
        "plan/exceeds-driver-limit",
        "A plan refuses more CPU than the driver allows and config fields that the driver does not declare.",
        run!(exceeds_driver_limit),
    )
    .requires(NEEDS)
    .without_image(),
    Check::must(
        "plan/no-side-effects",
        "A plan creates nothing, pulls no image and reserves neither the name nor the operation key.",
        run!(no_side_effects),
    )
    .without_programs()
    .requires(NEEDS),
    Check::must(
        "plan/matches-creation",
        "A plan predicts the warnings of the creation and the enforcement that the instance reports.",
        run!(matches),
    )
    .without_programs()
    .requires(NEEDS),
    Check::must(
        "plan/strictness",
        "With `Strictness::Require`, a plan turns warnings into refusals, exactly as the creation does.",
        run!(strictness),
    )
    .without_programs()
    .requires(NEEDS),
    Check::must(
        "plan/image",
        "A plan has the user, entrypoint, command and volumes of a local image, and advice if the image does \
         not fit the config.",
        run!(image),
    )
    .requires(&[Operation::Plan, Operation::LoadImage])
    .without_image(),
];

fn paths(findings: &[Warning]) -> Vec<&str> {
    let mut paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

async fn planned(ctx: &Ctx, config: &ContainerConfig) -> CheckResult<CreationPlan> {
    Ok(ctx.driver().plan(config).await?)
}

async fn accepted(ctx: Ctx) -> CheckResult {
    let config = ctx.script("true").env("A", "b").label("role", "db").memory(64);
    let plan = planned(&ctx, &config).await?;
    ctx.equal("refusals", paths(&plan.refusals), Vec::new())?;
    ctx.ensure("it is accepted", plan.is_accepted(), &plan.refusals)?;
    let actual = (
        &plan.config.image, &plan.config.name, &plan.config.command, &plan.config.env,
    );
    ctx.equal(
        "the planned config",
        actual,
        (&config.image, &config.name, &config.command, &config.env),
    )?;
    ctx.equal("its limits", plan.config.resources, config.resources)?;
    ctx.equal("planning again", planned(&ctx, &config).await?, plan)
}

async fn refusals(ctx: Ctx) -> CheckResult {
    let mut config = config(&ctx)
        .name("a/b")
        .env("A=B", "x")
        .cpu(f64::NAN)
        .label("io.driver-interface.x", "y");
    config.image = "Not An Image".to_owned();
    let plan = planned(&ctx, &config).await?;
    ctx.equal("accepted", plan.is_accepted(), false)?;
    for path in ["name", "env", "resources.cpu", "labels", "image"] {
        let named = plan.refusals.iter().any(|refusal| refusal.path.starts_with(path));
        ctx.ensure(format!("a refusal at `{path}`"), named, paths(&plan.refusals))?;
    }
    let Err(error) = ctx.driver().create_container(&config).await else {
        return Err(crate::Failure::new("the creation", "to be refused", "success").into());
    };
    let report = error.to_report();
    let mut expected: Vec<&str> = report.violations.iter().map(|one| one.path.as_str()).collect();
    expected.sort_unstable();
    ctx.equal(
        "the paths that the creation refuses",
        paths(&plan.refusals),
        expected,
    )
}

async fn exceeds_driver_limit(ctx: Ctx) -> CheckResult {
    let good = planned(&ctx, &config(&ctx)).await?;
    ctx.equal("refusals of the control", paths(&good.refusals), Vec::new())?;
    if let Some(max) = ctx.capabilities().bounds.max_cpu {
        let plan = planned(&ctx, &config(&ctx).cpu(max + 1.0)).await?;
        ctx.equal(
            "more CPU than allowed",
            paths(&plan.refusals),
            vec!["resources.cpu"],
        )?;
    }
    for (config_with_field, path, capability) in super::setup::optional_fields(&ctx)? {
        if !ctx.declares(capability) {
            let plan = planned(&ctx, &config_with_field).await?;
            let named = plan.refusals.iter().any(|refusal| refusal.path.starts_with(path));
            ctx.ensure(format!("a refusal at `{path}`"), named, paths(&plan.refusals))?;
        }
    }
    Ok(())
}

async fn no_side_effects(ctx: Ctx) -> CheckResult {
    let own = ResourceFilter::default().session(ctx.session().clone());
    let key = ctx.name();
    let config = ctx.script("true").operation_key(&key);
    let missing = {
        let mut config = ctx.script("true").pull_policy(PullPolicy::Always);
        // This image does not exist. It names the target's registry, because simulated registries have every image.
        let known = ctx.target().registry_image();
        let registry = known.as_ref().map_or("localhost", |image| image.registry());
        config.image = format!("{registry}/{}:1", ctx.name());
        config
    };
    for config in [&config, &missing, &config] {
        planned(&ctx, config).await?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )?;
    if ctx.declares(Operation::ListNetworks) {
        ctx.equal("networks", ctx.driver().list_networks(&own).await?.len(), 0)?;
    }
    if ctx.declares(Operation::ListVolumes) {
        ctx.equal("volumes", ctx.driver().list_volumes(&own).await?.len(), 0)?;
    }
    if ctx.declares(Operation::ListImages) {
        let image = driver_interface_types::ImageRef::new(missing.image)?;
        let found = ctx
            .driver()
            .list_images(&ImageFilter::default().reference(image))
            .await?;
        ctx.equal("images", found.len(), 0)?;
    }
    // The plan has not reserved the name or the key, so another config can use them.
    let created = ctx
        .driver()
        .create_container(&config.clone().env("OTHER", "1"))
        .await?;
    ctx.equal(
        "the name of the container created afterwards",
        Some(created.name),
        config.name,
    )?;
    let all = ContainerFilter::default().session(ctx.session().clone());
    ctx.equal(
        "containers afterwards",
        ctx.driver().list_containers(&all).await?.len(),
        1,
    )
}

async fn matches(ctx: Ctx) -> CheckResult {
    for config in [
        ctx.script("true"),
        ctx.script("true").disk(10).memory(64).cpu(0.25).pids(20),
        ctx.script("true").security(super::volumes::writable()),
    ] {
        let plan = planned(&ctx, &config).await?;
        ctx.equal("refusals", paths(&plan.refusals), Vec::new())?;
        let created = ctx.driver().create_container(&config).await?;
        ctx.equal(
            "warnings of the creation",
            paths(&created.warnings),
            paths(&plan.warnings),
        )?;
        if let Some(enforcement) = created.enforcement {
            ctx.equal("enforced limits", enforcement, plan.enforcement)?;
        }
    }
    Ok(())
}

async fn strictness(ctx: Ctx) -> CheckResult {
    for config in [ctx.script("true"), ctx.script("true").disk(64)] {
        strict_refuses_warned(&ctx, config).await?;
    }
    Ok(())
}

async fn image(ctx: Ctx) -> CheckResult {
    let absent = planned(&ctx, &config(&ctx)).await?;
    ctx.equal("an image that is not present", absent.image, None)?;
    ctx.equal("advice on a missing image", paths(&absent.advice), Vec::new())?;
    for user in [None, Some("7:8")] {
        let saved = saved_with(
            &ctx,
            &json!({
                "User": user.unwrap_or_default(),
                "Entrypoint": ["/entry", "--fast"],
                "Cmd": ["serve"],
                "Volumes": { "/srv/data": {}, "/data": {} },
            }),
        )?;
        ctx.driver()
            .load_image(ByteStream::of_items([saved.archive]))
            .await?;
        let mut hardened = config(&ctx);
        hardened.image = saved.reference.to_string();
        let plan = planned(&ctx, &hardened).await?;
        let Some(image) = plan.image else {
            return Err(Failure::new("the plan's image", "to be present", "none").into());
        };
        ctx.equal("its user", image.user.as_deref(), user)?;
        let strings = |items: &[&str]| -> Vec<String> { items.iter().map(ToString::to_string).collect() };
        ctx.equal(
            "its entrypoint, command and volumes",
            (image.entrypoint, image.command, image.volumes),
            (
                strings(&["/entry", "--fast"]),
                strings(&["serve"]),
                strings(&["/data", "/srv/data"]),
            ),
        )?;
        let codes =
            |advice: &[Warning]| -> Vec<String> { advice.iter().map(|one| one.code.clone()).collect() };
        let volumes = [ImageInfo::VOLUME_NOT_WRITABLE; 2];
        let expected = match user {
            None => [&[ImageInfo::STARTS_AS_ROOT][..], &volumes].concat(),
            Some(_) => volumes.to_vec(),
        };
        ctx.equal(
            "advice with the defaults",
            codes(&plan.advice),
            strings(&expected),
        )?;
        let compatible = hardened.security(SecurityOptions::compatible());
        let advice = planned(&ctx, &compatible).await?.advice;
        ctx.equal("advice with the compatible preset", codes(&advice), Vec::new())?;
    }
    Ok(())
}

async fn strict_refuses_warned(ctx: &Ctx, lax: ContainerConfig) -> CheckResult {
    let warned = planned(ctx, &lax).await?.warnings;
    let strict = lax.strictness(Strictness::Require);
    let plan = planned(ctx, &strict).await?;
    ctx.equal(
        "it is refused exactly if there was a warning",
        plan.is_accepted(),
        warned.is_empty(),
    )?;
    let result = ctx.driver().create_container(&strict).await;
    ctx.equal("the creation agrees", result.is_ok(), plan.is_accepted())?;
    let named = plan
        .refusals
        .iter()
        .all(|refusal| warned.iter().any(|warning| warning.path == refusal.path));
    ctx.ensure(
        "the refusals match the warnings",
        named,
        (paths(&plan.refusals), paths(&warned)),
    )
}
