//! Checks of config values: each value is passed on unchanged, whatever the value contains.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use driver_interface_types::{
    ConfigFeature, ContainerConfig, ContainerDriver, ContainerDriverExt as _, ContainerFilter,
    ContainerHealthStatus, EventFilter, ExecConfig, Guarantee, HealthCheck, LogOptions, Operation, Property,
    RemoveOptions, ResourceFilter, ResourceLimits, SessionId, VolumeId, VolumeMount,
};

use super::events::{next, own};
use super::volumes::volume_user;
use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "values/command",
        "Arguments of commands and entrypoints and values of variables are passed unchanged, whatever \
         characters they contain.",
        run!(command),
    ),
    Check::must(
        "values/labels",
        "Labels of containers, volumes and networks are returned unchanged, including in events, and filters \
         compare whole values.",
        run!(labels),
    ),
    Check::must(
        "values/case",
        "Names, sessions, operation keys, label keys and variables that differ only in case are distinct.",
        run!(case),
    ),
    Check::must(
        "values/paths",
        "Working directories and mount targets with spaces, quotes and similar characters are used \
         unchanged, in any order.",
        run!(paths),
    )
    .config(&[ConfigFeature::ProcessSetup, ConfigFeature::TmpfsMount]),
    Check::must(
        "values/health-check",
        "The arguments and lines of a health check are passed unchanged.",
        run!(health_check),
    )
    .requires(&[Operation::Exec])
    .config(&[ConfigFeature::HealthCheck]),
    Check::must(
        "values/extra-hosts",
        "Each extra host has its own address, IPv4 or IPv6.",
        run!(extra_hosts),
    )
    .config(&[ConfigFeature::NameResolution])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "values/large-limits",
        "Limits that exceed 16 or 32 bits and fractions of a core are recorded and enforced exactly.",
        run!(large_limits),
    ),
    Check::must(
        "values/large-ulimits",
        "Ulimits that exceed 32 bits are enforced exactly.",
        run!(large_ulimits),
    )
    .config(&[ConfigFeature::ProcessSetup])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "values/plan",
        "The config of a plan has each value unchanged.",
        run!(plan),
    )
    .requires(&[Operation::Plan]),
    Check::must(
        "values/no-state-from-previous-container",
        "A container that reuses the name of a removed one has only its own labels, variables, limits and \
         logs.",
        run!(name_reused),
    ),
];

/// Strings that a layer below the driver may truncate, trim, split, replace or misinterpret.
const TEXTS: &[&str] = &[
    "",
    "\n",
    "two\nlines",
    "line\n",
    "\nline",
    "carriage\r\nreturn",
    "\ttab\tbetween\t",
    "  blanks  around  ",
    "\"double\" 'single' `back`",
    "$HOME ${X} $(id) $$ $1",
    r"C:\dir\n \t \\ \",
    "100% %s %n %%",
    "a=b,c:d;e|f&g<h>i#j@k",
    "* ? [a-z] {b,c} ~ !x",
    "{\"a\": [1, null]}",
    "größe 日本 🦀 e\u{301} \u{feff}x",
    "\u{1}\u{1b}[1m\u{7f}\u{85}",
    "-n --help",
    "MiXeD cAsE",
    "007",
    "null",
    "true",
];

/// Returns the strings of [`TEXTS`] and a long string.
pub(super) fn texts() -> Vec<String> {
    let texts = TEXTS.iter().map(|text| (*text).to_owned());
    texts.chain(["long ü ".repeat(2000)]).collect()
}

/// Returns environment variables `V0`, `V1` and so on, whose values are the [`texts`].
pub(super) fn variables() -> BTreeMap<String, String> {
    let texts = texts().into_iter().enumerate();
    texts.map(|(number, text)| (format!("V{number}"), text)).collect()
}

/// Returns a script that prints its arguments in brackets, followed by the [`variables`] in braces.
pub(super) fn print_values() -> String {
    let mut script = r#"printf '[%s]' "$@""#.to_owned();
    for number in 0..texts().len() {
        script.push_str(&format!(r#"; printf '{{%s}}' "${{V{number}-unset}}""#));
    }
    script
}

/// Returns the output that the script of [`print_values`] must print if its arguments are `args`.
pub(super) fn printed_values(args: &[String]) -> String {
    let args = args.iter().map(|word| format!("[{word}]"));
    args.chain(texts().iter().map(|text| format!("{{{text}}}")))
        .collect()
}

/// Asserts that two strings are equal. The strings may be long, so the message shows only where they differ.
pub(super) fn same_text(ctx: &Ctx, about: &str, actual: &str, expected: &str) -> CheckResult {
    let same = actual
        .bytes()
        .zip(expected.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    let about = format!("{about} is passed unchanged");
    let around = |text: &str| {
        let bytes = text.as_bytes().get(same.saturating_sub(20)..).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned()
    };
    let differs = format!(
        "at byte {same}: {:?} in place of {:?}",
        around(actual),
        around(expected)
    );
    ctx.ensure(about, actual == expected, differs)
}

fn shell_command(script: String) -> Vec<String> {
    ["sh", "-c", &script, "sh"].map(str::to_owned).into()
}

async fn command(ctx: Ctx) -> CheckResult {
    let with_variables = |mut config: ContainerConfig| {
        config.env = variables();
        config
    };
    let all = [shell_command(print_values()), texts()].concat();
    let (_, logs) = ctx.finished(&with_variables(ctx.program(all))).await?;
    same_text(
        &ctx,
        "arguments received by a command",
        &logs,
        &printed_values(&texts()),
    )?;
    if ctx.declares(ConfigFeature::ProcessSetup) {
        let entrypoint = [shell_command(print_values()), texts()].concat();
        let command = [vec!["first".to_owned()], texts()].concat();
        let config = with_variables(ctx.program(command.clone()).entrypoint(entrypoint));
        let (_, logs) = ctx.finished(&config).await?;
        let expected = printed_values(&[texts(), command].concat());
        same_text(&ctx, "arguments received by an entrypoint", &logs, &expected)?;
    }
    Ok(())
}

/// Label keys that a layer below the driver may misinterpret.
const KEYS: &[&str] = &[
    "with blank", " around ", "größe", "a.b/c-d_e", "Upper", "upper", "UPPER", "it's", "\"quoted\"", "$HOME",
    "*", r"back\slash", "[a]", "a,b", "a:b", "-", "0", "null",
];

/// Returns labels whose values include all [`texts`] and whose keys include all [`KEYS`].
fn unusual_labels() -> BTreeMap<String, String> {
    let keys = KEYS.iter().map(|key| ((*key).to_owned(), format!("of {key}")));
    keys.chain(variables()).collect()
}

/// Returns labels with the same keys as [`unusual_labels`], but with other values. Each value is cut to its first
/// line, trimmed and lower-cased. If this does not change the value, a blank is appended instead.
fn cut_labels() -> BTreeMap<String, String> {
    let cut = |(key, value): (String, String)| {
        let left = value.lines().next().unwrap_or_default().trim().to_lowercase();
        let left = if left == value { format!("{value} ") } else { left };
        (key, left)
    };
    unusual_labels().into_iter().map(cut).collect()
}

/// Returns filters that match a resource with `labels`, but do not match a resource with the [`cut_labels`]. Five
/// filters select one label each, and one filter selects all labels.
fn selecting_filters(labels: &BTreeMap<String, String>) -> Vec<BTreeMap<String, String>> {
    let alone = ["V2", "V3", "V7", "V18", "Upper"];
    let alone = alone.iter().filter_map(|key| {
        let (key, value) = labels.get_key_value(*key)?;
        Some(BTreeMap::from([(key.clone(), value.clone())]))
    });
    alone.chain([labels.clone()]).collect()
}

async fn labels(ctx: Ctx) -> CheckResult {
    let (odd, cut) = (unusual_labels(), cut_labels());
    let driver = ctx.driver();
    let mut events = None;
    if ctx.declares(Operation::Events) {
        let value = odd.get("V2").cloned().unwrap_or_default();
        events = Some(driver.events(&own(&ctx).label("V2", value)).await?);
    }
    for labels in [&cut, &odd] {
        let (mut container, mut volume, mut network) = (ctx.program(["true"]), ctx.volume(), ctx.network());
        container = container.network("none");
        container.labels = labels.clone();
        volume.labels = labels.clone();
        network.labels = labels.clone();
        let created = [
            driver.create_container(&container).await?.labels,
            driver.create_volume(&volume).await?.labels,
            driver.create_network(&network).await?.labels,
        ];
        for (about, actual) in ["container", "volume", "network"].into_iter().zip(created) {
            ctx.equal(format!("the labels of a new {about}"), &actual, labels)?;
        }
    }
    for labels in [&odd, &cut] {
        for selection in selecting_filters(labels) {
            let keys: Vec<&String> = selection.keys().take(2).collect();
            let selected = |about: &str, actual: Vec<BTreeMap<String, String>>| {
                ctx.equal(
                    format!("the labels of {about} selected by {keys:?}"),
                    actual,
                    vec![labels.clone()],
                )
            };
            let mut filter = ctx.session_filter();
            filter.labels = selection.clone();
            let found = driver.list_containers(&filter).await?;
            selected(
                "containers",
                found.into_iter().map(|found| found.labels).collect(),
            )?;
            let mut filter = ResourceFilter::default().session(ctx.session().clone());
            filter.labels = selection.clone();
            if ctx.declares(Operation::ListVolumes) {
                let found = driver.list_volumes(&filter).await?;
                selected("volumes", found.into_iter().map(|found| found.labels).collect())?;
            }
            if ctx.declares(Operation::ListNetworks) {
                let found = driver.list_networks(&filter).await?;
                selected("networks", found.into_iter().map(|found| found.labels).collect())?;
            }
        }
    }
    if let Some(events) = &mut events {
        let event = next(&ctx, events).await?;
        ctx.equal(
            "the labels of the first event selected by one",
            event.container().map(|container| &container.labels),
            Some(&odd),
        )?;
    }
    Ok(())
}

/// Returns labels whose keys differ only in case.
fn cases() -> BTreeMap<String, String> {
    let keys = ["Key", "key", "KEY", "kEy"];
    keys.map(|key| (key.to_owned(), format!("of {key}"))).into()
}

async fn case(ctx: Ctx) -> CheckResult {
    let driver = ctx.driver();
    let name = ctx.name();
    let names = [format!("{name}-Aa"), format!("{name}-aA")];
    let script = r#"printf '%s,' "$Key" "$key" "$KEY" "$kEy""#;
    let printed = "of Key,of key,of KEY,of kEy,";
    let mut created = Vec::new();
    for name in &names {
        let mut config = ctx
            .script(&format!("{script}; {SERVE}"))
            .name(name)
            .operation_key(name);
        (config.env, config.labels) = (cases(), cases());
        config.session_id = name.clone();
        created.push(driver.create_container(&config).await?);
    }
    for (name, container) in names.iter().zip(&created) {
        let named = driver
            .list_containers(&ContainerFilter::default().name(name))
            .await?;
        let ids: Vec<_> = named.iter().map(|found| &found.id).collect();
        ctx.equal("the containers of a name", ids, vec![&container.id])?;
        let found = ctx.get(&container.id).await?;
        ctx.equal("its name", &found.name, name)?;
        ctx.equal("its labels", found.labels, cases())?;
        let filter = ContainerFilter::default().session(SessionId::new(name.as_str())?);
        let found = driver.list_containers(&filter).await?;
        let ids: Vec<_> = found.iter().map(|found| &found.id).collect();
        ctx.equal("the containers of a session", ids, vec![&container.id])?;
    }
    ctx.equal(
        "a name that only looks similar",
        driver.find_container(&format!("{name}-AA")).await?,
        None,
    )?;
    if let [first, second] = created.as_slice() {
        driver.start_container(&first.id).await?;
        let logs = ctx.printed(&first.id, &format!("{printed}ready")).await?;
        ctx.equal("the variables", logs, format!("{printed}ready\n"))?;
        if ctx.declares(Operation::Exec) {
            let mut exec = ExecConfig::shell(script);
            exec.env = cases()
                .into_iter()
                .map(|(key, value)| (key, value.to_uppercase()))
                .collect();
            let output = driver.exec(&first.id, exec).await?;
            let upper = printed.to_uppercase();
            ctx.equal(
                "the variables of an exec",
                output.stdout_text().into_owned(),
                upper,
            )?;
        }
        driver
            .remove_container(&second.id, RemoveOptions::force())
            .await?;
        ctx.get(&first.id).await?;
    }
    let mut networks = Vec::new();
    for name in &names {
        let mut volume = ctx.volume();
        (volume.name, volume.labels) = (name.clone(), cases());
        ctx.equal(
            "the labels of a volume",
            driver.create_volume(&volume).await?.labels,
            cases(),
        )?;
        let mut network = ctx.network();
        (network.name, network.labels) = (name.clone(), cases());
        let created = driver.create_network(&network).await?;
        ctx.equal("the labels of a network", created.labels, cases())?;
        networks.push(created.id);
    }
    let [first, second] = &names;
    driver.remove_volume(&VolumeId::new(second.as_str())?).await?;
    driver.remove_volume(&VolumeId::new(first.as_str())?).await?;
    for (name, id) in names.iter().zip(&networks).rev() {
        let found = driver.find_network(name).await?;
        ctx.equal(
            "the network of a name",
            found.map(|found| found.id),
            Some(id.clone()),
        )?;
        driver.remove_network(id).await?;
    }
    Ok(())
}

async fn paths(ctx: Ctx) -> CheckResult {
    let directory = "/mnt/  ü $HOME 'q' %s {a;b}&*";
    let [outer, inner] = [format!("{directory}/outer "), format!("{directory}/outer /In")];
    let volumes = [
        ctx.driver().create_volume(&ctx.volume()).await?,
        ctx.driver().create_volume(&ctx.volume()).await?,
    ];
    let [first, second] = volumes.map(|volume| volume.name);
    let script = r#"pwd; echo outer > "$1/file"; echo inner > "$2/file"; echo here > file; cat "$3/file""#;
    let config = ctx
        .program(["sh", "-c", script, "sh", &outer, &inner, directory])
        .security(volume_user(&ctx))
        .working_dir(directory)
        // Whatever the order of the mounts, the outer one must not hide the inner one.
        .mount(VolumeMount::volume(&second, &inner))
        .mount(VolumeMount::volume(&first, &outer))
        .tmpfs(directory, 8);
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal(
        "the working directory and a file there",
        logs,
        format!("{directory}\nhere\n"),
    )?;
    let script = "cat /first/file /second/file; ls -A /first/In";
    let config = ctx
        .script(script)
        .security(volume_user(&ctx))
        .mount(VolumeMount::volume(&first, "/first"))
        .mount(VolumeMount::volume(&second, "/second"));
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal("content of the volumes", logs.as_str(), "outer\ninner\n")
}

async fn health_check(ctx: Ctx) -> CheckResult {
    let interval = Duration::from_millis(700);
    let actual = "/tmp/seen";
    let script = format!(r#"printf '[%s]' "$@" > {actual}"#);
    let texts = texts();
    let args = HealthCheck::command([shell_command(script), texts.clone()].concat());
    let line = HealthCheck::shell(format!(
        "printf 'one  $1' > {actual}\nprintf \"|$((1+1))|größe\" >> {actual}"
    ));
    let printed_args: String = texts.iter().map(|text| format!("[{text}]")).collect();
    for (about, check, expected) in [
        ("arguments", args, printed_args),
        ("lines", line, "one  $1|2|größe".to_owned()),
    ] {
        let running = ctx
            .started(&ctx.script(SERVE).health_check(check.interval(interval)))
            .await?;
        ctx.becomes(&format!("the health of {about}"), &running.id, |now| {
            let status = now.health.as_ref().map(|health| health.status);
            status == Some(ContainerHealthStatus::Healthy)
        })
        .await?;
        same_text(
            &ctx,
            about,
            &ctx.output_of(&running.id, &format!("cat {actual}")).await?,
            &expected,
        )?;
    }
    Ok(())
}

async fn extra_hosts(ctx: Ctx) -> CheckResult {
    let hosts: [(&str, IpAddr); 3] = [
        ("four.example", Ipv4Addr::new(10, 9, 8, 7).into()),
        ("other.example", Ipv4Addr::new(10, 9, 8, 6).into()),
        ("six.example", Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9).into()),
    ];
    let mut config = ctx.script("grep example /etc/hosts || true");
    for (name, address) in hosts {
        config = config.extra_host(name, address);
    }
    let (_, logs) = ctx.finished(&config).await?;
    let mut entries: Vec<Vec<&str>> = logs
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    entries.sort_unstable();
    let expected = vec![
        vec!["10.9.8.6", "other.example"],
        vec!["10.9.8.7", "four.example"],
        vec!["fd00::9", "six.example"],
    ];
    ctx.equal("the entries", entries, expected)
}

async fn large_limits(ctx: Ctx) -> CheckResult {
    const MIB: u64 = 1024 * 1024;
    // The memory limit does not fit into 32 bits, and the process limit does not fit into 16 bits.
    let limits = ResourceLimits::default()
        .cpu(0.123)
        .memory(unusual_memory(&ctx))
        .disk(5000)
        .pids(70_000);
    let config = ctx.script(SERVE).resources(limits);
    let created = ctx.driver().create_container(&config).await?;
    ctx.equal("the limits", created.resources, limits)?;
    ctx.equal(
        "the limits of a lookup",
        ctx.get(&created.id).await?.resources,
        limits,
    )?;
    ctx.driver().start_container(&created.id).await?;
    ctx.printed(&created.id, "ready").await?;
    if ctx.declares(Operation::ContainerStats) {
        let stats = ctx.driver().container_stats(&created.id).await?;
        if ctx.declares(Guarantee::Memory) {
            // Docker reports the memory of its host if the host has less. A limit cut to 32 bits would be 1 MiB.
            let limit = unusual_memory(&ctx) * MIB;
            let reported = stats.memory_limit_bytes;
            let is_exact = reported == Some(limit);
            let is_of_host = reported.is_some_and(|bytes| (512 * MIB..limit).contains(&bytes));
            ctx.ensure("the memory limit", is_exact || is_of_host, reported)?;
        }
        if ctx.declares(Guarantee::Pids) {
            ctx.equal("the process limit", stats.pids_limit, Some(70_000))?;
        }
    }
    Ok(())
}

async fn large_ulimits(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script("cat /proc/self/limits")
        .ulimit("fsize", 5 << 30, 6 << 30)
        // If a config sets other limits, Podman adds one for open files, which not every host permits.
        .ulimit("nofile", 512, 1024);
    let (_, logs) = ctx.finished(&config).await?;
    let line = logs.lines().find(|line| line.starts_with("Max file size"));
    let fields: Vec<&str> = line
        .unwrap_or_default()
        .split_whitespace()
        .skip(3)
        .take(2)
        .collect();
    ctx.equal("the file size limits", fields, vec!["5368709120", "6442450944"])
}

/// Returns a memory limit of 4,097 MiB: this number of bytes does not fit into 32 bits. If the driver does not allow
/// 4,097 MiB, returns the largest limit that the driver allows.
fn unusual_memory(ctx: &Ctx) -> u64 {
    let most = ctx.capabilities().bounds.max_memory;
    most.map_or(4097, |most| most.min(4097))
}

async fn plan(ctx: Ctx) -> CheckResult {
    let args = [vec!["true".to_owned()], texts()].concat();
    let mut config = ctx
        .program(args.clone())
        .cpu(0.123)
        .pids(70_000)
        .memory(unusual_memory(&ctx));
    (config.env, config.labels) = (variables(), unusual_labels());
    if ctx.declares(ConfigFeature::ProcessSetup) {
        config = config.entrypoint(args.clone());
    }
    if ctx.declares(ConfigFeature::HealthCheck) {
        let check = HealthCheck::command(args);
        config = config.health_check(
            check
                .interval(Duration::from_millis(700))
                .timeout(Duration::from_millis(1800)),
        );
    }
    let plan = ctx.driver().plan(&config).await?;
    ctx.ensure("the plan has no refusals", plan.is_accepted(), &plan.refusals)?;
    let planned = plan.config;
    for (about, actual, expected) in [
        ("the command", &planned.command, &config.command),
        (
            "the entrypoint",
            &planned.entrypoint.unwrap_or_default(),
            &config.entrypoint.unwrap_or_default(),
        ),
    ] {
        ctx.equal(about, actual, expected)?;
    }
    ctx.equal("the variables", planned.env, config.env)?;
    ctx.equal("the labels", planned.labels, config.labels)?;
    ctx.equal("the limits", planned.resources, config.resources)?;
    ctx.equal("the health check", planned.health_check, config.health_check)
}

async fn name_reused(ctx: Ctx) -> CheckResult {
    let name = ctx.name();
    let script = r#"printf '%s,' "${ONE-unset}" "${TWO-unset}"; echo"#;
    let first = ctx
        .script(&format!("{script}; exit 3"))
        .name(&name)
        .label("one", "1")
        .label("both", "first")
        .env("ONE", "1")
        .cpu(0.25)
        .memory(96)
        .pids(60);
    let (exited, logs) = ctx.finished(&first).await?;
    ctx.equal("logs of the first container", logs.as_str(), "1,unset,\n")?;
    ctx.driver()
        .remove_container(&exited.id, RemoveOptions::default())
        .await?;
    let second = ctx
        .script(script)
        .name(&name)
        .label("two", "2")
        .label("both", "second")
        .env("TWO", "2");
    let created = ctx.driver().create_container(&second).await?;
    let new = created.id != exited.id && created.exit.is_none() && created.started_at.is_none();
    ctx.ensure("the second container is new", new, &created)?;
    ctx.equal("its labels", &created.labels, &second.labels)?;
    ctx.equal("its limits", created.resources, ResourceLimits::default())?;
    let logs = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await?;
    ctx.equal("its logs before the start", logs.as_str(), "")?;
    ctx.driver().start_container(&created.id).await?;
    let exited = ctx.exited(&created.id).await?;
    ctx.equal("its exit code", exited.exit_code(), Some(0))?;
    let logs = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await?;
    ctx.equal("its logs", logs.as_str(), "unset,2,\n")?;
    if ctx.declares(Operation::Events) {
        let mut events = ctx
            .driver()
            .events(&EventFilter::default().container(created.id.clone()))
            .await?;
        ctx.driver()
            .remove_container(&created.id, RemoveOptions::default())
            .await?;
        let event = next(&ctx, &mut events).await?;
        let labels = event.container().map(|container| &container.labels);
        ctx.equal("the labels of its events", labels, Some(&second.labels))?;
    }
    Ok(())
}
