use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Conversion, ConvertOptions, from_docker_run, from_docker_words};

/// The flags that `docker run --help` prints in Docker 28.2 with the newest API version, one per line. Each line has
/// the name of a flag, a space, and the kind of the flag's value, or `-` if the flag takes no value.
const HELP: &str = include_str!("flags.txt");

/// The flags of Docker 28.2 that `docker run --help` does not print: hidden flags, older names, and flags for
/// Windows.
const HIDDEN: &[&str] = &[
    "cpu-count", "cpu-percent", "dns-opt", "io-maxbandwidth", "io-maxiops", "net", "net-alias",
];

fn convert(flags: &str) -> Conversion {
    let conversion = from_docker_run("s", &format!("docker run {flags} image"));
    conversion.unwrap_or_else(|error| panic!("{flags}: {error}"))
}

fn errors(flags: &str) -> Vec<String> {
    let error = from_docker_run("s", &format!("docker run {flags} image")).unwrap_err();
    error.violations().iter().map(ToString::to_string).collect()
}

/// Each row: flags, the JSON pointer of the config field that these flags set, and the expected value of that field.
#[test]
fn flags_set_fields() {
    let rows: &[(&str, &str, Value)] = &[
        (
            "--add-host db:10.0.0.7 --add-host v6=[::1]",
            "/extraHosts",
            json!({"db": "10.0.0.7", "v6": "::1"}),
        ),
        (
            "--add-host host.docker.internal:host-gateway",
            "/extraHosts/host.docker.internal",
            json!("host-gateway"),
        ),
        ("--annotation a=b", "/annotations", json!({"a": "b"})),
        (
            "--cap-add CAP_NET_BIND_SERVICE --cap-add=chown",
            "/security/capabilities/add",
            json!(["NET_BIND_SERVICE", "CHOWN"]),
        ),
        (
            "--cap-drop ALL --cap-drop NET_RAW",
            "/security/capabilities/drop",
            json!(["ALL"]),
        ),
        ("--cpu-quota 150000", "/resources/cpu", json!(1.5)),
        (
            "--cpu-period 50000 --cpu-quota 25000",
            "/resources/cpu",
            json!(0.5),
        ),
        ("-c 512", "/resources/cpuShares", json!(512)),
        ("--cpus=1.5", "/resources/cpu", json!(1.5)),
        ("--cpuset-cpus 0-2,5", "/cpuset", json!("0-2,5")),
        ("--device /dev/fuse", "/devices/0/permissions", json!("rwm")),
        (
            "--device /dev/a:/dev/b:r",
            "/devices/0",
            json!({"hostPath": "/dev/a", "containerPath": "/dev/b", "permissions": "r"}),
        ),
        (
            "--device /dev/a:rw",
            "/devices/0",
            json!({"hostPath": "/dev/a", "containerPath": "/dev/a", "permissions": "rw"}),
        ),
        (
            "--device nvidia.com/gpu=0 --device nvidia.com/gpu=1",
            "/gpus",
            json!({"driver": "cdi", "deviceIds": ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]}),
        ),
        ("--dns 1.1.1.1 --dns ::1", "/dns", json!(["1.1.1.1", "::1"])),
        (
            "--dns-option ndots:1 --dns-opt rotate",
            "/dnsOptions",
            json!(["ndots:1", "rotate"]),
        ),
        ("--dns-search example.com", "/dnsSearch", json!(["example.com"])),
        ("--entrypoint /bin/sh", "/entrypoint", json!(["/bin/sh"])),
        ("--entrypoint ''", "/entrypoint", json!([])),
        (
            "-e A=1 --env B= -eC=x=y",
            "/env",
            json!({"A": "1", "B": "", "C": "x=y"}),
        ),
        ("--gpus all", "/gpus", json!({})),
        ("--gpus 2", "/gpus/count", json!(2)),
        ("--gpus '\"device=0,2\"'", "/gpus/deviceIds", json!(["0", "2"])),
        (
            "--gpus 'driver=nvidia,count=1'",
            "/gpus",
            json!({"count": 1, "driver": "nvidia"}),
        ),
        (
            "--group-add video --group-add 44",
            "/groups",
            json!(["video", "44"]),
        ),
        (
            "--health-cmd 'curl -f localhost'",
            "/healthCheck/test",
            json!("curl -f localhost"),
        ),
        (
            "--health-cmd x --health-interval 1m30s",
            "/healthCheck/interval",
            json!(90_000),
        ),
        (
            "--health-cmd x --health-timeout 5s",
            "/healthCheck/timeout",
            json!(5_000),
        ),
        (
            "--health-cmd x --health-retries 5",
            "/healthCheck/retries",
            json!(5),
        ),
        (
            "--health-cmd x --health-retries 0",
            "/healthCheck/retries",
            json!(3),
        ),
        (
            "--health-cmd x --health-start-period 1m",
            "/healthCheck/startPeriod",
            json!(60_000),
        ),
        (
            "--health-cmd x --health-start-interval 2s",
            "/healthCheck/startInterval",
            json!(2_000),
        ),
        ("-h web", "/hostname", json!("web")),
        ("--init", "/init", json!(true)),
        ("--init=false", "/init", json!(false)),
        ("-i", "/stdin", json!(true)),
        ("-it", "/tty", json!(true)),
        (
            "--network n --ip 10.0.0.7 --ip6 fd00::7",
            "/addresses",
            json!(["10.0.0.7", "fd00::7"]),
        ),
        ("-l a -l b=c", "/labels", json!({"a": "", "b": "c"})),
        (
            "--log-driver local --log-opt max-size=1m",
            "/logDriver",
            json!({"name": "local", "options": {"max-size": "1m"}}),
        ),
        ("--log-opt max-file=3", "/logDriver/name", json!("json-file")),
        ("-m 512m", "/resources/memory", json!(512)),
        ("-m1.5g", "/resources/memory", json!(1536)),
        (
            "--memory-reservation 256m",
            "/resources/memoryReservation",
            json!(256),
        ),
        ("--memory-swap 1g -m 512m", "/resources/swap", json!(512)),
        ("--memory-swap 512m -m 512m", "/resources/swap", Value::Null),
        (
            "--mount type=bind,src=/srv,dst=/src,readonly",
            "/volumes/0",
            json!({"source": "/srv", "target": "/src", "readOnly": true, "type": "bind"}),
        ),
        (
            "--mount source=v,target=/v,volume-subpath=a",
            "/volumes/0",
            json!({"source": "v", "target": "/v", "readOnly": false, "type": "volume", "subpath": "a"}),
        ),
        (
            "--mount type=tmpfs,target=/t,tmpfs-size=16m,tmpfs-mode=700",
            "/tmpfs/0",
            json!({"target": "/t", "size": 16, "mode": 0o700, "exec": false}),
        ),
        (
            "--mount type=bind,src=/a,dst=/b,bind-propagation=rslave",
            "/volumes/0/propagation",
            json!("rslave"),
        ),
        ("--name web", "/name", json!("web")),
        ("--network backend", "/network", json!("backend")),
        ("--net none", "/network", json!("none")),
        ("--network bridge", "/network", json!("default")),
        ("--network a --network b", "/networks/b/aliases", json!([])),
        (
            "--network name=a,alias=x,ip=10.0.0.7",
            "/networkAliases",
            json!(["x"]),
        ),
        (
            "--network a --network-alias x --net-alias y",
            "/networkAliases",
            json!(["x", "y"]),
        ),
        ("--no-healthcheck", "/healthCheck/test", Value::Null),
        ("--pids-limit 50", "/resources/pids", json!(50)),
        ("--pids-limit -1", "/resources/pids", json!(4_194_304)),
        ("--platform linux/arm64", "/platform", json!("linux/arm64")),
        (
            "-p8080:80",
            "/ports",
            json!([{"containerPort": 80, "protocol": "tcp", "hostIp": "127.0.0.1", "hostPort": 8080}]),
        ),
        ("-p 0.0.0.0:53:53/udp", "/ports/0/hostIp", json!("0.0.0.0")),
        ("-p 8000-8001:80-81", "/ports/1/hostPort", json!(8001)),
        ("--pull always", "/pullPolicy", json!("always")),
        ("--read-only=false", "/security/readOnly", json!(false)),
        ("--restart on-failure:3", "/restartPolicy", json!("on-failure:3")),
        ("--runtime runsc", "/runtime", json!("runsc")),
        (
            "--security-opt no-new-privileges=false",
            "/security/noNewPrivileges",
            json!(false),
        ),
        (
            "--security-opt apparmor=mine",
            "/security/apparmorProfile",
            json!("mine"),
        ),
        ("--shm-size 1g", "/shmSize", json!(1024)),
        ("--stop-signal SIGQUIT", "/stopSignal", json!("SIGQUIT")),
        ("--storage-opt size=10g", "/resources/disk", json!(10_240)),
        (
            "--sysctl net.core.somaxconn=1024",
            "/sysctls",
            json!({"net.core.somaxconn": "1024"}),
        ),
        (
            "--tmpfs /t:size=8m,mode=1770,uid=5,exec",
            "/tmpfs/0",
            json!({"target": "/t", "size": 8, "mode": 0o1770, "uid": 5}),
        ),
        ("--tmpfs /t", "/tmpfs/0/size", json!(512)),
        (
            "--ulimit nofile=1024:2048",
            "/ulimits/0",
            json!({"name": "nofile", "soft": 1024, "hard": 2048}),
        ),
        (
            "--ulimit memlock=-1",
            "/ulimits/0",
            json!({"name": "memlock", "soft": "unlimited", "hard": "unlimited"}),
        ),
        ("-u 33:33", "/security/user", json!("33:33")),
        (
            "-v data:/data:ro",
            "/volumes/0",
            json!({"source": "data", "target": "/data", "readOnly": true, "type": "volume"}),
        ),
        ("-v /srv:/srv:z", "/volumes/0/selinux", json!("shared")),
        (
            "-v /a/../b/./c:/c:rshared",
            "/volumes/0",
            json!({"source": "/b/c", "target": "/c", "readOnly": false, "type": "bind", "propagation": "rshared"}),
        ),
        ("-v /data/x", "/volumes/0/source", json!("s-image-data-x")),
        ("--name web -v /data", "/volumes/0/source", json!("s-web-data")),
        ("-w /srv", "/workingDir", json!("/srv")),
    ];
    for (flags, pointer, expected) in rows {
        let conversion = convert(flags);
        let config = serde_json::to_value(&conversion.config).unwrap();
        let found = config.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, expected, "{flags}");
        assert_eq!(conversion.not_carried_over, [], "{flags}");
    }
}

#[test]
fn flags_beyond_the_config_have_fields_of_their_own() {
    let conversion = convert("-d --rm --stop-timeout 30 -v data:/d --volume-driver nfs --network back");
    assert!(conversion.detach && conversion.auto_remove);
    assert_eq!(conversion.stop_timeout, Some(Duration::from_secs(30)));
    assert_eq!(conversion.volumes[0].name, "data");
    assert_eq!(
        (
            conversion.networks[0].name.as_str(),
            conversion.networks[0].session_id.as_deref()
        ),
        ("back", Some("s"))
    );
    let labelled = convert("--mount src=v,dst=/v,volume-driver=local,volume-opt=type=tmpfs,volume-label=a=b");
    assert_eq!(labelled.volumes[0].options["type"], "tmpfs");
    assert_eq!(labelled.volumes[0].labels["a"], "b");
    let twice = convert("-v data:/a -v data:/b -v /c");
    assert_eq!(twice.volumes.len(), 2);
    assert_eq!(twice.volumes[1].session_id.as_deref(), Some("s"));
}

#[test]
fn volumes_belong_to_the_user_of_the_container() {
    let owner = |flags: &str| convert(flags).volumes[0].effective_owner().unwrap().to_string();
    assert_eq!(owner("-v d:/d"), "1000:1000");
    assert_eq!(owner("-v d:/d -u 999:998"), "999:998");
    assert_eq!(owner("-v d:/d -u 999"), "999:0");
    assert_eq!(owner("-v d:/d -u postgres"), "1000:1000");
}

/// Each row: flags, then the setting and the value that the conversion lists as not carried over.
#[test]
fn flags_without_a_field_are_listed() {
    let rows: &[(&str, &str, Option<&str>)] = &[
        ("--cap-add ALL", "--cap-add", Some("ALL")),
        ("--cpus 0", "--cpus", Some("0")),
        ("--cpu-quota -1", "--cpu-quota", Some("-1")),
        ("-e TOKEN", "--env", Some("TOKEN")),
        ("--env-file prod.env", "--env-file", Some("prod.env")),
        (
            "--gpus 'all,capabilities=utility'",
            "--gpus",
            Some("all,capabilities=utility"),
        ),
        (
            "--gpus 'count=1,\"capabilities=gpu,utility\"'",
            "--gpus",
            Some("utility"),
        ),
        ("--health-interval 5s", "--health-interval", None),
        ("--label-file labels", "--label-file", Some("labels")),
        ("-m 1000000b", "--memory", Some("1000000b")),
        ("-m 0", "--memory", Some("0")),
        ("--memory-swap -1", "--memory-swap", Some("-1")),
        ("--mount type=image,source=i,target=/i", "--mount", Some("/i")),
        ("--network host", "--network", Some("host")),
        ("--network container:db", "--network", Some("container:db")),
        ("--privileged", "--privileged", None),
        ("-p 8000-8010:80", "--publish", Some("8000-8010:80")),
        ("-P", "--publish-all", None),
        ("-q", "--quiet", None),
        (
            "--security-opt seccomp=unconfined",
            "--security-opt",
            Some("seccomp=unconfined"),
        ),
        (
            "--security-opt seccomp=profile.json",
            "--security-opt",
            Some("seccomp=profile.json"),
        ),
        (
            "--security-opt label=disable",
            "--security-opt",
            Some("label=disable"),
        ),
        ("--sig-proxy=false", "--sig-proxy", Some("false")),
        ("--stop-timeout -1", "--stop-timeout", Some("-1")),
        ("--storage-opt dm.x=1", "--storage-opt", Some("dm.x")),
        ("--tmpfs /t:huge=always", "--tmpfs", Some("huge=always")),
        ("-v ./data:/data", "--volume", Some("./data")),
        ("-v '~/data:/data'", "--volume", Some("~/data")),
        ("-v /a:/b:shared", "--volume", Some("shared")),
    ];
    for (flags, setting, value) in rows {
        let listed = convert(flags).not_carried_over;
        let found: Vec<_> = listed
            .iter()
            .map(|one| (one.setting.as_str(), one.value.as_deref()))
            .collect();
        if *setting == "--gpus" && value.is_some_and(|value| value.starts_with("all")) {
            assert_eq!(found, [("--gpus", Some("utility"))], "{flags}");
        } else {
            assert_eq!(found, [(*setting, *value)], "{flags}");
        }
        assert!(listed[0].reason.len() > 10, "{flags}");
    }
    for off in [
        "--privileged=false", "--sig-proxy", "--oom-kill-disable=0", "--publish-all=F",
    ] {
        assert_eq!(convert(off).not_carried_over, [], "{off}");
    }
}

#[test]
fn every_flag_of_docker_is_known() {
    let help = HELP.lines().map(|line| line.split_once(' ').unwrap());
    let hidden = HIDDEN.iter().map(|name| (*name, "list"));
    let mut count = 0;
    for (name, kind) in help.chain(hidden).filter(|(name, _)| *name != "help") {
        // `1` is a value of most kinds; a value that is invalid for its flag is an error of another code.
        let value = if kind == "-" { vec![] } else { vec!["1"] };
        let flag = format!("--{name}");
        let words = ["run", &flag].into_iter().chain(value).chain(["image"]);
        if let Err(error) = from_docker_words("s", words) {
            let text = error.to_string();
            assert!(
                text.contains(&flag) && !text.contains("no flag"),
                "{flag}: {text}"
            );
        }
        count += 1;
    }
    assert_eq!(count, 106);
}

#[test]
fn short_flags_are_those_of_docker() {
    for (flags, long) in [
        ("-a stdin", "--attach stdin"),
        ("-c 5", "--cpu-shares 5"),
        ("-d", "--detach"),
        ("-e A=b", "--env A=b"),
        ("-h x", "--hostname x"),
        ("-i", "--interactive"),
        ("-l a=b", "--label a=b"),
        ("-m 64m", "--memory 64m"),
        ("-p 80", "--publish 80"),
        ("-P", "--publish-all"),
        ("-q", "--quiet"),
        ("-t", "--tty"),
        ("-u 5", "--user 5"),
        ("-v a:/a", "--volume a:/a"),
        ("-w /a", "--workdir /a"),
        (
            "-ditu5 -p=80:80 -m=64m",
            "-d -i -t -u 5 --publish=80:80 --memory=64m",
        ),
    ] {
        assert_eq!(convert(flags), convert(long), "{flags}");
    }
}

#[test]
fn flags_end_at_the_image() {
    for line in [
        "docker run -d alpine -d --rm -- x",
        "docker run -d -- alpine -d --rm -- x",
        "sudo docker container run -d alpine -d --rm -- x",
        "$ podman create -d alpine -d --rm -- x",
        "run -d alpine -d --rm -- x",
    ] {
        let conversion = from_docker_run("s", &line.replace("$ ", "")).unwrap();
        assert_eq!(conversion.config.image, "alpine");
        assert_eq!(conversion.config.command, ["-d", "--rm", "--", "x"], "{line}");
        assert!(conversion.detach && !conversion.auto_remove);
    }
}

#[test]
fn all_invalid_values_are_reported_by_flag() {
    assert_eq!(
        errors("-m lots --cpus x --restart never -p 99999 --dns here --ulimit nofile -e =secret -v a:b"),
        [
            "--memory: must be a size, such as `512m`; got \"lots\"",
            "--cpus: must be a number in its range; got \"x\"",
            "--restart: must be `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:` and a number; got \"never\"",
            "--publish: must have the form of one port, with ranges such as `8000-8010` of equal length; got \"99999\"",
            "--dns: must be an IP address; got \"here\"",
            "--ulimit: must have the form `name=value`",
            "--env: must have a name before the `=`",
            "--volume: must have the form `source:/path` or `source:/path:options`; got \"a:b\"",
        ]
    );
    assert_eq!(
        errors("-m lots --colour red").last().unwrap(),
        "--colour: `docker run` has no flag `--colour`"
    );
    assert_eq!(errors("-x"), ["-x: `docker run` has no flag `-x`"]);
    for (words, part) in [
        (&["run", "--name"][..], "--name: needs a value"),
        (&["run", "-d"], "image: is missing"),
        (&["docker", "ps"], "must begin with `docker run`"),
        (
            &["docker", "-H", "tcp://x", "run", "a"],
            "must begin with `docker run`",
        ),
        (&[], "must begin with `docker run`"),
    ] {
        let error = from_docker_words("s", words.iter().copied())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{words:?}: {error}");
    }
}

#[test]
fn options_pass_what_docker_reads_from_its_surroundings() {
    let options = ConvertOptions::default()
        .variable("TOKEN", "secret")
        .variable("HOME", "/home/me")
        .directory("/srv/app")
        .file("a.env", "A=1\nTOKEN\nB=2\n# no\n")
        .file("labels", "x=1\ny\n")
        .file("profile.json", "{}");
    let line = "docker run -e TOKEN --env-file a.env -e B=3 --label-file labels -v ./data:/data -v ~/x:/x \
                --security-opt seccomp=profile.json image";
    let conversion = options.docker_run("s", line).unwrap();
    assert_eq!(conversion.not_carried_over, []);
    let config = serde_json::to_value(&conversion.config).unwrap();
    assert_eq!(config["env"], json!({"A": "1", "B": "3", "TOKEN": "secret"}));
    assert_eq!(config["labels"], json!({"x": "1", "y": ""}));
    assert_eq!(config["volumes"][0]["source"], "/srv/app/data");
    assert_eq!(config["volumes"][1]["source"], "/home/me/x");
    assert_eq!(config["security"]["seccompProfile"], "{}");
    assert!(!format!("{options:?}{conversion:?}").contains("secret"));
}

#[test]
fn dockers_defaults_replace_the_safe_ones() {
    let options = ConvertOptions::default().docker_defaults();
    let conversion = options
        .docker_run("s", "docker run -v d:/d -v e:/e:nocopy -p 80 -p 127.0.0.1::81 --cap-drop NET_RAW --cap-drop NET_RAW image")
        .unwrap();
    let config = serde_json::to_value(&conversion.config).unwrap();
    assert_eq!(
        config["security"],
        json!({"readOnly": false, "noNewPrivileges": false, "user": null, "capabilities": {"drop": ["NET_RAW"], "add": []}})
    );
    assert_eq!(config["init"], false);
    assert_eq!(config["ports"][0]["hostIp"], "0.0.0.0");
    assert_eq!(config["ports"][1]["hostIp"], "127.0.0.1");
    assert_eq!(config["volumes"][0]["copy"], true);
    assert_eq!(config["volumes"][1].get("copy"), None);
    assert_eq!(
        conversion.volumes[0].effective_owner().unwrap().to_string(),
        "0:0"
    );
    assert_eq!(
        conversion.differences,
        [
            "the CPU limit in cores is 0.5; Docker's default is none",
            "the memory limit is 512 MiB; Docker's default is none",
            "the container cannot swap; Docker's default allows it",
            "containers of other sessions cannot be reached on the default network; on Docker's they can",
        ]
    );
}

#[test]
fn differences_are_those_that_the_input_does_not_set() {
    let all = convert("-p 80 -v d:/d").differences;
    assert_eq!(all.len(), 12, "{all:#?}");
    let flags = "--read-only -u 5 --cap-drop ALL --security-opt no-new-privileges --init --cpus 1 -m 64m \
                 --memory-swap 128m --pids-limit 5 -p 127.0.0.1:80:80 --network n";
    assert_eq!(convert(flags).differences, Vec::<String>::new());
}

#[test]
fn limits_are_those_of_the_validation() {
    use driver_interface_validation::limits;
    assert_eq!(crate::settings::MAX_PIDS, limits::MAX_PIDS);
}

proptest! {
    #[test]
    fn no_line_panics(line in ".*") {
        let _ = from_docker_run("s", &line);
    }

    #[test]
    fn no_value_panics(flag in 0..HELP.lines().count(), value in "\\PC*|[-a-z0-9=:,./\"\\[\\]]*") {
        let name = HELP.lines().nth(flag).unwrap().split(' ').next().unwrap();
        for options in [ConvertOptions::default(), ConvertOptions::default().docker_defaults().directory("/srv")] {
            let _ = options.docker_words("s", ["run", &format!("--{name}={value}"), "image"]);
        }
    }
}
