//! Properties of random configs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use driver_interface_types::{
    ContainerConfig, LinuxCapabilities, NetworkConfig, ResourceLimits, SecurityOptions, VolumeConfig,
    VolumeMount,
};
use driver_interface_validation::{
    ConfigurationError, ValidationPolicy, limits, parse_container_config_with, parse_network_config,
    parse_volume_config, validate_container_config_with, validate_network_config, validate_volume_config,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

/// Returns the policy of all tests here, which allows the mounts of valid configs.
fn policy() -> ValidationPolicy {
    ValidationPolicy::default()
        .allow_bind_root("/srv")
        .allow_dangerous_capability("NET_RAW")
        .allow_dangerous_capability("SYS_PTRACE")
}

fn validated(config: &ContainerConfig) -> Result<(), ConfigurationError> {
    validate_container_config_with(config, &policy())
}

fn parsed(json: &str) -> Result<ContainerConfig, ConfigurationError> {
    parse_container_config_with(json, &policy())
}

/// Generates texts with characters that matter to the rules, and others.
fn wild() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9/.:=_ \\x00\\n-]{0,12}",
        ".{0,8}",
        "[a-z0-9]{2,9}",
        Just("x".repeat(5000))
    ]
}

fn resources() -> impl Strategy<Value = ResourceLimits> {
    (
        limits::MIN_CPU..=limits::MAX_CPU,
        6..=limits::MAX_MEMORY,
        1..=limits::MAX_DISK,
        1..=limits::MAX_PIDS,
    )
        .prop_map(|(cpu, memory, disk, pids)| {
            ResourceLimits::default()
                .cpu(cpu)
                .memory(memory)
                .disk(disk)
                .pids(pids)
        })
}

fn mounts() -> impl Strategy<Value = Vec<VolumeMount>> {
    let source = prop_oneof!["[a-z][a-z0-9_.-]{1,20}", "/srv(/[a-z0-9 ü]{1,8}){0,3}"];
    vec((source, "[a-zA-Z0-9 ü.]{0,8}", any::<bool>()), 0..5).prop_map(|drawn| {
        let number = |(index, (source, name, read_only)): (usize, (String, String, bool))| {
            let target = format!("/data{index}{name}");
            let mount = match source.starts_with('/') {
                true => VolumeMount::bind(source, target),
                false => VolumeMount::volume(source, target),
            };
            mount.read_only(read_only)
        };
        drawn.into_iter().enumerate().map(number).collect()
    })
}

fn security() -> impl Strategy<Value = SecurityOptions> {
    let user = prop_oneof![
        "[0-9]{1,9}",
        "[0-9]{1,9}:[0-9]{1,9}",
        "[a-z_][a-z0-9_-]{0,20}(:[a-z]{1,9})?"
    ];
    let added = subsequence(
        vec!["CHOWN", "KILL", "NET_RAW", "NET_BIND_SERVICE", "SYS_PTRACE"],
        0..5,
    );
    (any::<bool>(), any::<bool>(), user, added).prop_map(|(read_only, no_new_privileges, user, added)| {
        SecurityOptions::default()
            .read_only(read_only)
            .no_new_privileges(no_new_privileges)
            .user(user)
            .capabilities(LinuxCapabilities::new(["ALL"], added))
    })
}

fn valid_config() -> impl Strategy<Value = ContainerConfig> {
    let name = "[a-zA-Z0-9][a-zA-Z0-9_.-]{1,40}";
    let image = "([a-z0-9]{1,9}\\.io/)?[a-z0-9]{1,9}(/[a-z0-9]{1,9})?(:[a-zA-Z0-9_]{1,9})?";
    let command = ("[a-z./]{1,20}", vec("[^\\x00]{0,20}", 0..4)).prop_map(|(program, arguments)| {
        let mut words = vec![program];
        words.extend(arguments);
        words
    });
    let texts = || btree_map("[A-Za-z][A-Za-z0-9_.ü/ -]{0,20}", "[^\\x00]{0,40}", 0..6);
    let network = prop_oneof![
        Just("default".to_owned()),
        Just("none".to_owned()),
        Just("net-1".to_owned())
    ];
    let label_value = "[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,40}[a-zA-Z0-9])?";
    let names = (label_value, image, option::of(name), option::of(label_value));
    (
        names,
        option::of(command),
        texts(),
        texts(),
        resources(),
        mounts(),
        network,
        security(),
    )
        .prop_map(
            |((session, image, name, key), command, env, labels, resources, mounts, network, security)| {
                let mut config = ContainerConfig::new(session, image)
                    .command(command.unwrap_or_default())
                    .resources(resources)
                    .network(network.as_str())
                    .security(security);
                (config.name, config.operation_key, config.volumes) = (name, key, mounts);
                (config.env, config.labels) = (env, labels);
                config
            },
        )
}

fn wild_config() -> impl Strategy<Value = ContainerConfig> {
    let texts = || btree_map(wild(), wild(), 0..4);
    let mounts = vec((wild(), wild(), 0..3), 0..4).prop_map(|mounts| {
        let mount = |(source, target, kind)| {
            let mut mount = VolumeMount::volume(source, target);
            if kind == 1 {
                mount.kind = None;
            } else if kind == 2 {
                mount = VolumeMount::bind(mount.source, mount.target);
            }
            mount
        };
        mounts.into_iter().map(mount).collect::<Vec<_>>()
    });
    let names = (wild(), wild(), option::of(wild()), option::of(wild()));
    let lists = (vec(wild(), 0..4), vec(wild(), 0..3), vec(wild(), 0..3));
    let numbers = (any::<f64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (names, lists, texts(), texts(), numbers, mounts, wild(), wild()).prop_map(
        |(
            (session, image, name, key),
            (command, drop, add),
            env,
            labels,
            (cpu, memory, disk, pids),
            mounts,
            network,
            user,
        )| {
            let mut config = ContainerConfig::new(session, image)
                .command(command)
                .resources(
                    ResourceLimits::default()
                        .cpu(cpu)
                        .memory(memory)
                        .disk(disk)
                        .pids(pids),
                )
                .network(network.as_str())
                .security(
                    SecurityOptions::default()
                        .user(user)
                        .capabilities(LinuxCapabilities::new(drop, add)),
                );
            (config.name, config.operation_key, config.volumes) = (name, key, mounts);
            (config.env, config.labels) = (env, labels);
            config
        },
    )
}

type Mistake = (&'static str, fn(&mut ContainerConfig));

/// Independent mistakes, each of which breaks one rule.
const MISTAKES: &[Mistake] = &[
    ("sessionId", |config| config.session_id = "a/b".to_owned()),
    ("image", |config| config.image = "UPPER".to_owned()),
    ("name", |config| config.name = Some("-x".to_owned())),
    ("command[0]", |config| config.command.insert(0, String::new())),
    ("env[\"=\"]", |config| {
        drop(config.env.insert("=".to_owned(), "secret".to_owned()))
    }),
    ("env[\"_NUL\"]", |config| {
        drop(config.env.insert("_NUL".to_owned(), "secret\0".to_owned()))
    }),
    ("labels[\"\"]", |config| {
        drop(config.labels.insert(String::new(), "secret".to_owned()))
    }),
    ("resources.cpu", |config| config.resources.cpu = 0.0),
    ("resources.memory", |config| config.resources.memory = 1),
    ("resources.disk", |config| config.resources.disk = Some(0)),
    ("resources.pids", |config| config.resources.pids = u64::MAX),
    ("volumes[0].target", |config| {
        config.volumes.insert(0, VolumeMount::volume("data", "/proc/x"))
    }),
    ("network", |config| config.network = "container:x".into()),
    ("security.user", |config| {
        config.security.user = Some("a b".to_owned())
    }),
    ("security.capabilities.drop[0]", |config| {
        config.security.capabilities.drop.insert(0, "cap_kill".to_owned())
    }),
    ("security.capabilities.add[0]", |config| {
        config.security.capabilities.add.insert(0, "ALL".to_owned())
    }),
    ("operationKey", |config| {
        config.operation_key = Some(String::new())
    }),
];

fn is_safe(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

proptest! {
    #[test]
    fn valid_config_passes_and_round_trips(config in valid_config()) {
        validated(&config).unwrap();
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(parsed(&json).unwrap(), config);
    }

    #[test]
    fn each_mistake_is_one_violation(
        config in valid_config(),
        mistakes in subsequence(MISTAKES, 0..=MISTAKES.len()),
    ) {
        let mut config = config;
        mistakes.iter().for_each(|(_, make)| make(&mut config));
        let mut expected: Vec<&str> = mistakes.iter().map(|(path, _)| *path).collect();
        expected.sort_unstable();

        let checked = validated(&config);
        // Parsing reports the same violations.
        let read = parsed(&serde_json::to_string(&config).unwrap()).map(drop);
        for result in [checked, read] {
            let violations = result.map_or_else(|error| error.violations().to_vec(), |()| Vec::new());
            let mut paths: Vec<&str> = violations.iter().map(|violation| violation.path.as_str()).collect();
            paths.sort_unstable();
            prop_assert_eq!(&paths, &expected);
            for violation in &violations {
                prop_assert!(!violation.to_string().contains("secret"), "{}", violation);
            }
        }
    }

    #[test]
    fn accepted_configs_are_safe_to_send(config in wild_config()) {
        match validated(&config) {
            Ok(()) => {
                let json = serde_json::to_string(&config).unwrap();
                prop_assert_eq!(&parsed(&json).unwrap(), &config);
                prop_assert!(is_safe(&config.session_id));
                prop_assert!(config.name.iter().chain(&config.operation_key).all(|text| is_safe(text)));
                prop_assert!(config.volumes.iter().all(|mount| is_safe(&mount.source) || mount.source.starts_with('/')));
                prop_assert!(config.env.values().chain(config.env.keys()).all(|text| !text.contains('\0')));
            }
            Err(error) => {
                for violation in error.violations() {
                    let text = violation.to_string();
                    prop_assert!(!text.contains(char::is_control) && text.chars().count() < 500, "{:?}", text);
                    prop_assert!(driver_interface_validation::codes::ALL.contains(&violation.code.as_str()));
                }
            }
        }
    }

    #[test]
    fn accepted_names_have_only_safe_characters(text in wild()) {
        if validate_volume_config(&VolumeConfig::new(&text)).is_ok() {
            prop_assert!(is_safe(&text));
        }
        if validate_network_config(&NetworkConfig::new(&text)).is_ok() {
            prop_assert!(is_safe(&text));
        }
    }

    #[test]
    fn parsing_never_panics(text in wild()) {
        let _ = (parsed(&text), parse_volume_config(&text), parse_network_config(&text));
    }

    #[test]
    fn damaged_json_is_refused_or_valid(config in valid_config(), location in any::<Index>(), with in "[\\[\\]{},:\"0-9na-]") {
        let json = serde_json::to_string(&config).unwrap();
        let characters: Vec<char> = json.chars().collect();
        let location = location.index(characters.len());
        let damaged: String =
            characters.iter().enumerate().map(|(i, c)| if i == location { with.clone() } else { c.to_string() }).collect();
        if let Ok(config) = parsed(&damaged) {
            prop_assert!(validated(&config).is_ok());
        }
    }

    #[test]
    fn no_spelling_of_a_dangerous_path_is_allowed(
        directory in select(vec![
            "proc", "sys", "dev", "etc", "boot", "root", "run", "var/run", "var/log", "var/lib/docker", "srv/.ssh",
        ]),
        noise in vec(select(vec!["/", "//", "/./", "/././", "///"]), 5),
        rest in "[a-z.]{0,6}(/[a-z]{1,4})?",
    ) {
        let mut path = String::new();
        for (part, noise) in directory.split('/').chain([rest.as_str()]).zip(&noise) {
            path.push_str(noise);
            path.push_str(part);
        }
        let policy = ValidationPolicy::default().allow_any_bind().allow_bind_root("/srv");
        prop_assert!(policy.bind_problem(&path).is_some(), "{}", path);
    }
}
