//! Checks that a list contains exactly the requested resources.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, ContainerFilter, ContainerState, ContainerStatus};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "listing/every-status",
        "A list without a filter includes containers of every status.",
        run!(every_status),
    ),
    Check::must(
        "listing/status-and-state",
        "A filter by status or state selects exactly the containers that have it.",
        run!(status_and_state),
    ),
    Check::must(
        "listing/session",
        "A filter by session selects exactly the containers of that session.",
        run!(session),
    )
    .without_programs(),
    Check::must(
        "listing/all-labels-must-match",
        "A filter selects only containers that match all its labels and other criteria.",
        run!(all_labels_must_match),
    )
    .without_programs(),
    Check::must(
        "listing/labels-are-literal",
        "A label filter compares whole values literally: no wildcards or separators, and empty matches only \
         empty.",
        run!(labels_literal),
    )
    .without_programs()
    .because("one engine treats an empty value as any value"),
    Check::must(
        "listing/no-match",
        "A filter without matches returns an empty list, not an error.",
        run!(no_match),
    )
    .without_programs(),
    Check::must(
        "listing/order",
        "A list is ordered by creation time.",
        run!(order),
    )
    .without_programs(),
    Check::must(
        "listing/consistent-with-get",
        "Each entry of a list equals the result of `get_container`.",
        run!(consistent_with_get),
    ),
];

fn names(mut containers: Vec<driver_interface_types::ContainerInstance>) -> Vec<String> {
    containers.sort_by(|one, other| one.name.cmp(&other.name));
    containers.into_iter().map(|container| container.name).collect()
}

async fn listed(ctx: &Ctx, filter: &ContainerFilter) -> CheckResult<Vec<String>> {
    Ok(names(ctx.driver().list_containers(filter).await?))
}

/// Creates four containers: one that is only created, one that is running, one that has stopped with exit code 0, and
/// one that has exited with an error code. Returns their names in this order.
async fn one_per_status(ctx: &Ctx) -> CheckResult<[String; 4]> {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let (stopped, _) = ctx.finished(&ctx.script("true")).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    Ok([created.name, running.name, stopped.name, exited.name])
}

async fn every_status(ctx: Ctx) -> CheckResult {
    let mut one_per_status = one_per_status(&ctx).await?.to_vec();
    one_per_status.sort();
    ctx.equal(
        "the session's containers",
        listed(&ctx, &ctx.session_filter()).await?,
        one_per_status.clone(),
    )?;
    let all = listed(&ctx, &ContainerFilter::default()).await?;
    ctx.ensure(
        "a list without a filter includes them",
        one_per_status.iter().all(|name| all.contains(name)),
        all,
    )
}

async fn status_and_state(ctx: Ctx) -> CheckResult {
    let [created, running, stopped, exited] = one_per_status(&ctx).await?;
    let by_status = [
        (ContainerStatus::Created, vec![created.clone()]),
        (ContainerStatus::Running, vec![running.clone()]),
        (ContainerStatus::Stopped, vec![stopped.clone()]),
        (ContainerStatus::Exited, vec![exited.clone()]),
        (ContainerStatus::Paused, vec![]),
    ];
    for (status, expected) in by_status {
        ctx.equal(
            format!("containers that are {status}"),
            listed(&ctx, &ctx.session_filter().status(status)).await?,
            expected,
        )?;
    }
    let mut terminated = vec![created, stopped];
    terminated.sort();
    let by_state = [
        (ContainerState::Running, vec![running]),
        (ContainerState::Terminated, terminated),
        (ContainerState::Error, vec![exited]),
    ];
    for (state, expected) in by_state {
        ctx.equal(
            format!("containers whose state is {state}"),
            listed(&ctx, &ctx.session_filter().state(state)).await?,
            expected,
        )?;
    }
    Ok(())
}

async fn session(ctx: Ctx) -> CheckResult {
    let (one, other) = (ctx.new_session()?, ctx.new_session()?);
    let mut in_one = ctx.script("true");
    in_one.session_id = one.to_string();
    let mut in_other = ctx.script("true");
    in_other.session_id = other.to_string();
    let first = ctx.driver().create_container(&in_one).await?;
    let second = ctx.driver().create_container(&in_other).await?;
    ctx.equal(
        "session of the instance",
        (&first.session_id, &second.session_id),
        (&one, &other),
    )?;
    for (session, name) in [(one, first.name), (other, second.name)] {
        let filter = ContainerFilter::default().session(session);
        ctx.equal(
            "containers of one session",
            listed(&ctx, &filter).await?,
            vec![name],
        )?;
    }
    let neither = ContainerFilter::default().session(ctx.new_session()?);
    ctx.equal(
        "containers of an unknown session",
        listed(&ctx, &neither).await?,
        Vec::new(),
    )
}

async fn all_labels_must_match(ctx: Ctx) -> CheckResult {
    let red = ctx.script("true").label("color", "red").label("size", "s");
    let blue = ctx.script("true").label("color", "blue").label("size", "s");
    let both = [
        ctx.driver().create_container(&red).await?,
        ctx.driver().create_container(&blue).await?,
    ];
    let size = listed(&ctx, &ctx.session_filter().label("size", "s")).await?;
    ctx.equal("containers of size s", size, names(both.to_vec()))?;
    let [red, _] = both;
    let small_red = ctx.session_filter().label("size", "s").label("color", "red");
    ctx.equal(
        "small red containers",
        listed(&ctx, &small_red).await?,
        vec![red.name],
    )?;
    let mixed = ctx.session_filter().label("size", "l").label("color", "red");
    ctx.equal("large red containers", listed(&ctx, &mixed).await?, Vec::new())?;
    let running = small_red.status(ContainerStatus::Running);
    ctx.equal(
        "small red running containers",
        listed(&ctx, &running).await?,
        Vec::new(),
    )
}

async fn labels_literal(ctx: Ctx) -> CheckResult {
    let values = ["", "prod", "production", "*", "a=b", "a,b", "PROD", " prod"];
    let mut created = Vec::new();
    for value in values {
        created.push(
            ctx.driver()
                .create_container(&ctx.script("true").label("env", value))
                .await?
                .name,
        );
    }
    ctx.driver().create_container(&ctx.script("true")).await?;
    for (value, name) in values.iter().zip(created) {
        let filter = ctx.session_filter().label("env", *value);
        ctx.equal(
            format!("containers labelled {value:?}"),
            listed(&ctx, &filter).await?,
            vec![name],
        )?;
    }
    for value in ["pro", "prod*", "a"] {
        ctx.equal(
            format!("containers labelled {value:?}"),
            listed(&ctx, &ctx.session_filter().label("env", value)).await?,
            vec![],
        )?;
    }
    Ok(())
}

async fn no_match(ctx: Ctx) -> CheckResult {
    let created = ctx
        .driver()
        .create_container(&ctx.script("true").label("somebody", "has this"))
        .await?;
    let control = listed(&ctx, &ctx.session_filter().label("somebody", "has this")).await?;
    ctx.equal("the control: a filter that matches", control, vec![created.name])?;
    ctx.equal(
        "the list",
        listed(&ctx, &ctx.session_filter().label("nobody", "has this")).await?,
        Vec::new(),
    )
}

async fn order(ctx: Ctx) -> CheckResult {
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(ctx.driver().create_container(&ctx.script("true")).await?);
        // The creations are far enough apart to be distinguished by engines that record whole seconds.
        sleep(Duration::from_millis(1050)).await;
    }
    // Starting a container must not change its position in the list.
    if let Some(first) = created.first() {
        ctx.driver().start_container(&first.id).await?;
    }
    let ids = |list: Vec<driver_interface_types::ContainerInstance>| -> Vec<_> {
        list.into_iter().map(|container| container.id).collect()
    };
    ctx.equal(
        "ids",
        ids(ctx.driver().list_containers(&ctx.session_filter()).await?),
        ids(created),
    )
}

async fn consistent_with_get(ctx: Ctx) -> CheckResult {
    one_per_status(&ctx).await?;
    // Most engines warn about a disk limit, which the listed container must contain.
    let limited = ctx.script("true").disk(64);
    ctx.driver().create_container(&limited).await?;
    for entry in ctx.driver().list_containers(&ctx.session_filter()).await? {
        ctx.equal(
            format!("the lookup of {}", entry.name),
            ctx.get(&entry.id).await?,
            entry,
        )?;
    }
    Ok(())
}
