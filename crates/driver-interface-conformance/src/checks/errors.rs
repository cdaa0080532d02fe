//! Checks of errors. Also checks that an id or name refers only to the resource that has exactly this id or name.

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerInstance, DriverError, ExecConfig, LogOptions, Operation,
    RemoveOptions, StopOptions, VolumeId,
};

use crate::{Check, CheckResult, Ctx, Failure, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "errors/prefix-is-not-an-id",
        "A prefix of an id or name returns \"not found\" from every operation and has no effect.",
        run!(prefixes),
    )
    .because("engines accept three hex digits as an id, even for removal"),
    Check::must(
        "errors/name-is-not-an-id",
        "A container's name returns \"not found\" from every operation that takes an id, and has no effect.",
        run!(names),
    )
    .because("callers compare ids, so a container must have exactly one"),
    Check::must(
        "errors/context",
        "An error names the driver, the operation, the container and a listed code, on one line.",
        run!(context),
    ),
    Check::must(
        "errors/serialised",
        "A serialised error has code, message, retryability and effect, and can be deserialised.",
        run!(serialised),
    ),
    Check::should(
        "errors/user-message",
        "The message for end users contains no id and no technical term.",
        run!(user_messages),
    ),
    Check::must(
        "errors/hints",
        "Errors with a common cause have a hint: a missing or non-executable program, a taken name, a \
         running container.",
        run!(hints),
    ),
    Check::must(
        "errors/exec-hints",
        "Errors of `exec` with a common cause have a hint, for example a missing working directory.",
        run!(exec_hints),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "errors/program-name-not-parsed",
        "A program whose name looks like an engine message is reported only as a missing program.",
        run!(program_name_not_parsed),
    )
    .because("only the position in a message distinguishes engine text from user input"),
    Check::must(
        "errors/no-effect",
        "Refused operations change nothing.",
        run!(no_effect),
    ),
];

async fn prefixes(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut parts: Vec<String> = Vec::new();
    for whole in [running.id.as_str(), running.name.as_str()] {
        let lengths = [3, 8, 12, whole.len().saturating_sub(1)];
        let prefixes = lengths.iter().filter_map(|length| whole.get(..*length));
        parts.extend(prefixes.filter(|part| *part != whole).map(str::to_owned));
    }
    refused(&ctx, &running, parts).await
}

async fn names(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let name = running.name.clone();
    refused(&ctx, &running, vec![name]).await
}

/// For each id in `texts`, asserts that operations return "not found". Also asserts that the operations do not change
/// the container `running`.
async fn refused(ctx: &Ctx, running: &ContainerInstance, texts: Vec<String>) -> CheckResult {
    for part in texts {
        // A prefix that is not a valid id cannot be passed to the driver.
        let Ok(id) = ContainerId::new(part.as_str()) else {
            continue;
        };
        let missing = [codes::CONTAINER_NOT_FOUND];
        ctx.equal(
            format!("get of {part}"),
            ctx.driver().get_container(&id).await?,
            None,
        )?;
        ctx.refused(
            format!("stop of {part}"),
            ctx.driver().stop_container(&id, StopOptions::kill()).await,
            &missing,
        )?;
        let removed = ctx.driver().remove_container(&id, RemoveOptions::force()).await;
        ctx.refused(format!("removal of {part}"), removed, &missing)?;
        let logs = ctx.driver().get_container_logs(&id, LogOptions::default()).await;
        ctx.refused(format!("logs of {part}"), logs, &missing)?;
    }
    ctx.equal("the container", &ctx.get(&running.id).await?, running)
}

/// Causes errors in several operations. Returns each error with two texts that the error must contain: the name of
/// the operation, and the id.
async fn provoked(ctx: &Ctx) -> CheckResult<Vec<(DriverError, &'static str, String)>> {
    let driver = ctx.driver();
    let unknown_names = ContainerId::new(ctx.name())?;
    let no_volume = VolumeId::new(ctx.name())?;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let mut invalid = ctx.script("true");
    invalid.image = "Not An Image".to_owned();
    let taken = ctx.script("true").name(&running.name);
    let kept = driver
        .remove_container(&running.id, RemoveOptions::default())
        .await
        .err();
    let missing = unknown_names.to_string();
    let found = [
        (
            driver.start_container(&unknown_names).await.err(),
            "start_container",
            missing.clone(),
        ),
        (
            driver
                .stop_container(&unknown_names, StopOptions::kill())
                .await
                .err(),
            "stop_container",
            missing.clone(),
        ),
        (
            driver
                .get_container_logs(&unknown_names, LogOptions::default())
                .await
                .err(),
            "get_container_logs",
            missing,
        ),
        (
            driver.remove_volume(&no_volume).await.err(),
            "remove_volume",
            no_volume.to_string(),
        ),
        (kept, "remove_container", running.id.to_string()),
        (
            driver.create_container(&taken).await.err(),
            "create_container",
            running.name.clone(),
        ),
        (
            driver.create_container(&invalid).await.err(),
            "create_container",
            String::new(),
        ),
    ];
    found
        .into_iter()
        .map(|(error, operation, id)| match error {
            Some(error) => Ok((error, operation, id)),
            None => Err(Failure::new(operation, "an error", "success").into()),
        })
        .collect()
}

async fn context(ctx: Ctx) -> CheckResult {
    for (error, operation, id) in provoked(&ctx).await? {
        let about = error.code();
        ctx.ensure(
            "the code is in the list",
            codes::ALL_CODES.contains(&about),
            about,
        )?;
        ctx.equal(
            format!("driver ({about})"),
            error.context().driver(),
            Some(ctx.driver().name()),
        )?;
        ctx.equal(
            format!("operation ({about})"),
            error.context().operation(),
            Some(operation),
        )?;
        let text = error.to_string();
        let named = text.contains(&id) || error.context().fields().any(|(_, value)| value == id);
        ctx.ensure(format!("the error names {id:?} ({about})"), named, &error)?;
        let one_line = !text.is_empty() && !text.contains('\n') && !text.ends_with('.');
        ctx.ensure(
            format!("one line without a final period ({about})"),
            one_line,
            text,
        )?;
    }
    Ok(())
}

async fn serialised(ctx: Ctx) -> CheckResult {
    let codes = [
        codes::CONTAINER_NOT_FOUND,
        codes::CONTAINER_NOT_FOUND,
        codes::CONTAINER_NOT_FOUND,
        codes::VOLUME_NOT_FOUND,
        codes::CONTAINER_REMOVE_FAILED,
        codes::CONTAINER_CREATION_FAILED,
        codes::CONFIGURATION_ERROR,
    ];
    for ((error, operation, _), code) in provoked(&ctx).await?.into_iter().zip(codes) {
        let report = error.to_report();
        let json = serde_json::to_value(&error).unwrap_or_default();
        let text = |key: &str| json.get(key).and_then(serde_json::Value::as_str);
        ctx.equal(format!("code of {operation}"), text("code"), Some(code))?;
        ctx.equal("message", text("message"), Some(error.message().as_str()))?;
        // None of these errors is retryable, and none of the failed calls had an effect.
        ctx.equal(
            format!("retryable ({code})"),
            json.get("retryable").and_then(serde_json::Value::as_bool),
            Some(false),
        )?;
        let effect = text("effect");
        ctx.equal(
            format!("effect ({code})"),
            effect,
            Some(Effect::NotApplied.as_str()),
        )?;
        let back = serde_json::from_value(json).ok();
        ctx.equal("the deserialised error", back, Some(report))?;
    }
    Ok(())
}

async fn user_messages(ctx: Ctx) -> CheckResult {
    const TECHNICAL_TERMS: [&str; 8] = [
        "daemon", "http", "socket", "json", "docker.sock", "oci", "stderr", "errno",
    ];
    for (error, _, id) in provoked(&ctx).await? {
        let sentence = error.user_message();
        let plain = !TECHNICAL_TERMS
            .iter()
            .any(|word| sentence.to_lowercase().contains(word));
        let anonymous = id.is_empty() || !sentence.contains(&id);
        let whole = sentence.ends_with('.') && sentence.starts_with(|c: char| c.is_uppercase());
        ctx.ensure(
            format!("a plain sentence for {}", error.code()),
            plain && anonymous && whole,
            sentence,
        )?;
    }
    Ok(())
}

async fn hints(ctx: Ctx) -> CheckResult {
    for (program, hint) in [
        ("no-such-program-here", Hint::CommandNotFound),
        ("/no/such/program", Hint::CommandNotFound),
        ("/etc/passwd", Hint::CommandNotExecutable),
    ] {
        let created = ctx.driver().create_container(&ctx.program([program])).await?;
        let error = ctx.driver().start_container(&created.id).await;
        let error = ctx.refused(program, error, &[codes::CONTAINER_START_FAILED])?;
        ctx.equal(format!("hint of {program}"), error.hint(), Some(hint))?;
    }
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let duplicate = ctx.script("true").name(&running.name);
    let error = ctx.driver().create_container(&duplicate).await;
    let error = ctx.refused("a taken name", error, &[codes::CONTAINER_CREATION_FAILED])?;
    ctx.equal("hint of a taken name", error.hint(), Some(Hint::NameTaken))?;
    let error = ctx
        .driver()
        .remove_container(&running.id, RemoveOptions::default())
        .await;
    let error = ctx.refused("a removal", error, &[codes::CONTAINER_REMOVE_FAILED])?;
    ctx.equal("hint of a removal", error.hint(), Some(Hint::StillRunning))
}

async fn exec_hints(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let plain = || ExecConfig::new(["true"]);
    for (about, config, hint) in [
        (
            "a missing program",
            ExecConfig::new(["no-such-program-here"]),
            Hint::CommandNotFound,
        ),
        (
            "a file that is not executable",
            ExecConfig::new(["/etc/passwd"]),
            Hint::CommandNotExecutable,
        ),
        (
            "a missing working directory",
            plain().working_dir("/no/permission denied"),
            Hint::WorkingDirNotFound,
        ),
        (
            "a missing user",
            plain().user("nobody-has-this-name"),
            Hint::UserNotFound,
        ),
    ] {
        let error = ctx.driver().exec(&running.id, config).await;
        let error = ctx.refused(about, error, &[codes::EXEC_FAILED])?;
        ctx.equal(format!("hint of {about}"), error.hint(), Some(hint))?;
        ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
    }
    Ok(())
}

async fn program_name_not_parsed(ctx: Ctx) -> CheckResult {
    for program in [
        "/cannot start a paused container",
        "/x: permission denied",
        "/network gone not found",
        "/unable to find user x: no matching entries in passwd file",
        "/no such container: marked for removal",
        "/bind: address already in use",
    ] {
        let created = ctx.driver().create_container(&ctx.program([program])).await?;
        let error = ctx.driver().start_container(&created.id).await;
        let error = ctx.refused(program, error, &[codes::CONTAINER_START_FAILED])?;
        ctx.equal(
            format!("hint of {program}"),
            error.hint(),
            Some(Hint::CommandNotFound),
        )?;
    }
    Ok(())
}

async fn no_effect(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let before = ctx.driver().list_containers(&ctx.session_filter()).await?;
    let mut refused = Vec::new();
    refused.push(
        ctx.driver()
            .remove_container(&running.id, RemoveOptions::default())
            .await
            .err(),
    );
    refused.push(
        ctx.driver()
            .create_container(&ctx.script("true").name(&created.name))
            .await
            .err(),
    );
    refused.push(
        ctx.driver()
            .create_container(&ctx.script("true").cpu(-1.0))
            .await
            .err(),
    );
    refused.push(
        ctx.driver()
            .create_container(&ctx.script("true").network(ctx.name().as_str()))
            .await
            .err(),
    );
    ctx.equal("refusals", refused.iter().flatten().count(), 4)?;
    ctx.equal(
        "the list",
        ctx.driver().list_containers(&ctx.session_filter()).await?,
        before,
    )
}
