//! Programs by their path: scripts, interpreters, permissions.

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerId, ContainerPath, ExecConfig, ExecOutcome, SecurityOptions,
    WriteFile,
};

use super::support::{instant_driver, logs, ready, run, script, server, started};

/// Makes the root writable and runs the container as root.
fn writable(config: ContainerConfig) -> ContainerConfig {
    config.security(SecurityOptions::default().user("0:0").read_only(false))
}

async fn put(driver: &dyn ContainerDriver, id: &ContainerId, path: &str, text: &str, mode: u32) {
    let file = WriteFile::new(text.to_owned()).mode(mode);
    driver
        .write_file(id, &ContainerPath::new(path).unwrap(), file)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn written_script_runs_by_path() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    put(
        &driver,
        &id,
        "/tmp/x.sh",
        "#!/bin/sh\necho $0 $1; exit 3\n",
        0o755,
    )
    .await;
    let output = driver
        .exec(&id, ExecConfig::new(["/tmp/x.sh", "a b"]))
        .await
        .unwrap();
    assert_eq!(
        (output.outcome, output.stdout_text().as_ref()),
        (ExecOutcome::Exited(3), "/tmp/x.sh a b\n")
    );
    let by_name = ExecConfig::new(["x.sh"]).env("PATH", "/bin:/tmp");
    let output = driver.exec(&id, by_name).await.unwrap();
    assert_eq!(output.stdout_text(), "/tmp/x.sh\n");
}

#[tokio::test(start_paused = true)]
async fn script_can_be_command_or_entrypoint() {
    let driver = instant_driver();
    let plain = || writable(ContainerConfig::new("test", "busybox"));
    for config in [
        plain().command(["/run.sh", "up"]),
        plain().entrypoint(["/run.sh"]).command(["up"]),
    ] {
        let id = driver.create_container(&config).await.unwrap().id;
        put(
            &driver,
            &id,
            "/run.sh",
            "#!/bin/sh\necho $1 as $$; exit 5\n",
            0o755,
        )
        .await;
        driver.start_container(&id).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let exited = driver.get_container(&id).await.unwrap().unwrap();
        assert_eq!(
            (exited.exit_code(), logs(&driver, &id).await.as_str()),
            (Some(5), "up as 7\n")
        );
    }
}

/// Docker's results for a file as main process with and without init, and as an exec command.
#[tokio::test(start_paused = true)]
async fn unrunnable_files_fail_like_on_docker() {
    const TINI: &str = "[FATAL tini (7)] exec /x failed: ";
    let driver = instant_driver();
    let cases = [
        (
            "#!/nope\n", 127, "No such file or directory\n", "no such file or directory\n",
        ),
        (
            "#!/x\n",
            1,
            "Too many levels of symbolic links\n",
            "too many levels of symbolic links\n",
        ),
        ("#!/etc\n", 126, "Permission denied\n", "permission denied\n"),
        ("echo hi\n", 0, "", "exec format error\n"),
        ("", 0, "", "exec format error\n"),
    ];
    for (text, code, by_init, by_runtime) in cases {
        for init in [true, false] {
            let config = writable(ContainerConfig::new("test", "busybox").command(["/x"])).init(init);
            let id = driver.create_container(&config).await.unwrap().id;
            put(&driver, &id, "/x", text, 0o755).await;
            driver.start_container(&id).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let exited = driver.get_container(&id).await.unwrap().unwrap();
            let said = match (init, by_init) {
                (true, "") => text.strip_prefix("echo ").unwrap_or_default().to_owned(),
                (true, said) => format!("{TINI}{said}"),
                (false, _) => format!("exec /x: {by_runtime}"),
            };
            let code = if init { code } else { 1 };
            let actual = (exited.exit_code(), logs(&driver, &id).await);
            assert_eq!(actual, (Some(code), said), "{text:?} with init {init}");
        }
        let id = ready(&driver, &writable(server())).await;
        put(&driver, &id, "/x", text, 0o755).await;
        let output = driver.exec(&id, ExecConfig::new(["/x"])).await.unwrap();
        assert_eq!(
            (output.outcome, output.stderr_text().into_owned()),
            (ExecOutcome::Exited(1), format!("exec /x: {by_runtime}"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn unrunnable_programs_are_refused_before_start() {
    let driver = instant_driver();
    let id = ready(&driver, &writable(server())).await;
    put(&driver, &id, "/x", "#!/bin/sh\necho hi\n", 0o644).await;
    for (program, hint) in [
        ("/x", Hint::CommandNotExecutable),
        ("/etc", Hint::CommandNotExecutable),
        ("/nope", Hint::CommandNotFound),
        ("nope", Hint::CommandNotFound),
    ] {
        let error = driver.exec(&id, ExecConfig::new([program])).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (codes::EXEC_FAILED, Some(hint)),
            "{program}"
        );
        let config = writable(ContainerConfig::new("test", "busybox").command([program]));
        let id = driver.create_container(&config).await.unwrap().id;
        put(&driver, &id, "/x", "#!/bin/sh\necho hi\n", 0o644).await;
        let error = driver.start_container(&id).await.unwrap_err();
        assert_eq!(
            (error.code(), error.hint()),
            (codes::CONTAINER_START_FAILED, Some(hint)),
            "{program}"
        );
    }
}

/// Recorded with busybox 1.35 in a Docker container.
#[tokio::test(start_paused = true)]
async fn shell_runs_scripts_like_linux() {
    let cases = [
        (r"#!/bin/sh\necho hi $1 $0\n", "755", "hi a /tmp/x.sh\n= 0\n", ""),
        (
            r"#!/nope\necho hi\n", "755", "= 127\n", "sh: /tmp/x.sh: not found\n",
        ),
        (r"echo hi $1 $0\n", "755", "hi a /tmp/x.sh\n= 0\n", ""),
        (r"", "755", "= 0\n", ""),
        (r"#!/bin/sh -e\nfalse\necho no\n", "755", "= 1\n", ""),
        (
            r"#! /bin/echo a b c\nfalse\n", "755", "a b c /tmp/x.sh a b\n= 0\n", "",
        ),
        (r"#!/bin/env sh\necho env $0\n", "755", "env /tmp/x.sh\n= 0\n", ""),
        (r"#!\necho hi\n", "755", "hi\n= 0\n", ""),
        (
            r"#!/tmp/x.sh\n",
            "755",
            "= 126\n",
            "sh: /tmp/x.sh: Too many levels of symbolic links\n",
        ),
        (r"#!sh\necho hi\n", "755", "= 127\n", "sh: /tmp/x.sh: not found\n"),
        (
            r"#!/bin/sh\r\necho hi\n", "755", "= 127\n", "sh: /tmp/x.sh: not found\n",
        ),
        (
            r"#!/etc/passwd\n",
            "755",
            "= 126\n",
            "sh: /tmp/x.sh: Permission denied\n",
        ),
        (
            r"#!/bin/sh\necho hi\n",
            "644",
            "= 126\n",
            "sh: /tmp/x.sh: Permission denied\n",
        ),
    ];
    for (text, mode, stdout, stderr) in cases {
        let line = format!("printf '{text}' > /tmp/x.sh; chmod {mode} /tmp/x.sh; /tmp/x.sh a b; echo = $?");
        let ran = run(&script(&line)).await;
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            (stdout, stderr),
            "{text}"
        );
    }
    let text = "cd /tmp; printf '#!/bin/sh\\necho $0\\n' > x.sh; chmod 755 x.sh; ./x.sh; x.sh; PATH=/tmp:$PATH; \
                x.sh; env x.sh; command -v x.sh; chmod 644 x.sh; x.sh; echo $?; cd /; ./bin/echo done";
    let ran = run(&script(text)).await;
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        (
            "./x.sh\n/tmp/x.sh\n/tmp/x.sh\n/tmp/x.sh\n126\ndone\n",
            "sh: x.sh: not found\nsh: x.sh: Permission denied\n"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn script_in_path_precedes_builtin_program() {
    let driver = instant_driver();
    let id = started(&driver, &writable(server())).await;
    put(&driver, &id, "/usr/local/bin/ls", "#!/bin/sh\necho mine\n", 0o755).await;
    let output = driver.exec(&id, ExecConfig::new(["ls"])).await.unwrap();
    assert_eq!(output.stdout_text(), "mine\n");
}
