//! What a creation refuses, what it remembers, and what it leaves behind when it fails: nothing.

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerId, NetworkMode, PullPolicy, RemoveOptions, SessionId,
    Strictness, VolumeConfig, VolumeMount,
};

use driver_interface_validation::ValidationPolicy;

use super::engine::on_each;

#[test]
fn what_the_config_gave_comes_back() {
    on_each("what_the_config_gave_comes_back", async |bench| {
        let config = bench
            .config("true")
            .name(format!("{}-name", bench.namespace))
            .label("team", "core")
            .label("empty", "")
            .label("odd.key/with", "a=b,c*\n\u{e9}")
            .cpu(0.1 + 0.2)
            .memory(33)
            .pids(17);
        let made = bench.driver.create_container(&config).await.unwrap();
        assert_eq!(Some(made.name.as_str()), config.name.as_deref());
        assert_eq!(made.labels, config.labels);
        assert_eq!(made.resources, config.resources);
        assert_eq!(made.image, config.image);
        assert_eq!(made.session_id.as_str(), "s1");
        let got = bench.driver.get_container(&made.id).await.unwrap().unwrap();
        assert_eq!(got, made);
        let by_name = bench
            .driver
            .get_container(&ContainerId::new(made.name.as_str()).unwrap())
            .await
            .unwrap();
        assert_eq!(by_name.unwrap(), made);
        let listed = bench
            .driver
            .list_containers(&ContainerFilter::default())
            .await
            .unwrap();
        assert_eq!(listed, vec![made]);
    });
}

#[test]
fn words_and_variables_reach_the_process_as_they_are() {
    on_each(
        "words_and_variables_reach_the_process_as_they_are",
        async |bench| {
            let odd = [
                "a b",
                "",
                "$HOME",
                "*",
                "'q\"",
                "back\\slash",
                "new\nline",
                "\u{e9}",
                "--",
            ];
            let script = "for word; do printf '<%s>' \"$word\"; done; printf '%s' \"$ODD\"";
            let words = [&["sh", "-c", script, "sh"][..], &odd].concat();
            let config = bench
                .config("")
                .command(words)
                .env("ODD", "=$X'\n\u{e9}")
                .env("EMPTY", "");
            let ended = bench.ended(&config).await;
            let logs = bench
                .driver
                .get_container_logs(&ended.id, Default::default())
                .await
                .unwrap();
            let expected: String = odd.iter().map(|word| format!("<{word}>")).collect();
            assert_eq!(logs, format!("{expected}=$X'\n\u{e9}"));
        },
    );
}

#[test]
fn a_taken_name_is_refused_and_its_holder_untouched() {
    on_each(
        "a_taken_name_is_refused_and_its_holder_untouched",
        async |bench| {
            let config = bench.config("true").name(format!("{}-twin", bench.namespace));
            let first = bench.driver.create_container(&config).await.unwrap();
            let error = bench.driver.create_container(&config).await.unwrap_err();
            assert_eq!(
                (error.code(), error.hint()),
                (codes::CONTAINER_CREATION_FAILED, Some(Hint::NameTaken))
            );
            assert!(!error.is_retryable());
            assert_eq!(error.effect(), Effect::NotApplied);
            assert_eq!(
                bench
                    .driver
                    .list_containers(&ContainerFilter::default())
                    .await
                    .unwrap(),
                vec![first]
            );
        },
    );
}

#[test]
fn a_key_finds_what_an_earlier_try_made() {
    on_each("a_key_finds_what_an_earlier_try_made", async |bench| {
        let config = bench.config("true").operation_key("job-1");
        let first = bench.driver.create_container(&config).await.unwrap();
        assert_eq!(bench.driver.create_container(&config).await.unwrap(), first);
        assert_eq!(
            bench.another().await.create_container(&config).await.unwrap(),
            first
        );
        for other in [
            config.clone().memory(65),
            config.clone().name(format!("{}-other", bench.namespace)),
        ] {
            let error = bench.driver.create_container(&other).await.unwrap_err();
            assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
        }
        bench
            .driver
            .remove_container(&first.id, RemoveOptions::default())
            .await
            .unwrap();
        let second = bench.driver.create_container(&config).await.unwrap();
        assert_ne!(second.id, first.id);
    });
}

#[test]
fn sixteen_tries_with_one_key_make_one_container() {
    on_each("sixteen_tries_with_one_key_make_one_container", async |bench| {
        let config = bench.config("true").operation_key("job-2");
        let drivers = [bench.another().await, bench.another().await];
        let tries = (0..16).map(|at| drivers[at % 2].create_container(&config));
        let made = futures_util::future::join_all(tries).await;
        let first = made[0].as_ref().unwrap();
        assert!(made.iter().all(|one| one.as_ref().unwrap().id == first.id));
        assert_eq!(
            bench
                .driver
                .list_containers(&ContainerFilter::default())
                .await
                .unwrap()
                .len(),
            1
        );
    });
}

#[test]
fn what_does_not_exist_is_refused_and_nothing_is_left() {
    on_each(
        "what_does_not_exist_is_refused_and_nothing_is_left",
        async |bench| {
            let base = bench.config("true");
            let driver = bench
                .with_policy(ValidationPolicy::default().allow_any_bind())
                .await;
            let cases = [
                (
                    base.clone().network(NetworkMode::Named("nowhere".to_owned())),
                    codes::NETWORK_NOT_FOUND,
                ),
                (
                    base.clone().network(NetworkMode::Named(bench.default_network())),
                    codes::NETWORK_NOT_FOUND,
                ),
                (
                    base.clone().mount(VolumeMount::volume("nothing", "/data")),
                    codes::VOLUME_NOT_FOUND,
                ),
                (
                    base.clone()
                        .mount(VolumeMount::bind("/nosuch-di/folder", "/data")),
                    codes::CONTAINER_CREATION_FAILED,
                ),
                (base.clone().cpu(999.0), codes::RESOURCE_LIMIT_EXCEEDED),
                (base.clone().memory(1 << 24), codes::RESOURCE_LIMIT_EXCEEDED),
                (base.clone().cpu(-1.0), codes::CONFIGURATION_ERROR),
                (
                    base.clone().disk(64).strictness(Strictness::Require),
                    codes::UNSUPPORTED_OPERATION,
                ),
            ];
            for (config, code) in cases {
                let error = driver.create_container(&config).await.unwrap_err();
                assert_eq!(error.code(), code, "{error:?}");
                assert_eq!(error.effect(), Effect::NotApplied, "{error:?}");
                assert!(!error.is_retryable(), "{error:?}");
                assert_eq!(error.context().operation(), Some("create_container"));
            }
            assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
            assert!(!std::path::Path::new("/nosuch-di").exists());
        },
    );
}

#[test]
fn images_that_are_not_there_are_named() {
    on_each("images_that_are_not_there_are_named", async |bench| {
        let mut config = bench.config("true").pull_policy(PullPolicy::Never);
        config.image = "nosuch/image:1".to_owned();
        let error = bench.driver.create_container(&config).await.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::IMAGE_NOT_FOUND, false)
        );
        config.image = "Not An Image".to_owned();
        let error = bench.driver.create_container(&config).await.unwrap_err();
        assert_eq!(error.code(), codes::CONFIGURATION_ERROR);
        // Nothing listens there: the registry is out of reach, which may pass.
        config = config.pull_policy(PullPolicy::Missing);
        config.image = "127.0.0.1:9/nosuch:1".to_owned();
        let error = bench.driver.create_container(&config).await.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::IMAGE_PULL_FAILED, true),
            "{error:?}"
        );
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}

#[test]
fn a_disk_limit_that_does_not_hold_is_told_each_time() {
    on_each(
        "a_disk_limit_that_does_not_hold_is_told_each_time",
        async |bench| {
            let limited = bench.config("true").disk(64);
            let made = bench.driver.create_container(&limited).await.unwrap();
            let told = |warnings: &[driver_interface_types::Warning]| {
                warnings
                    .iter()
                    .any(|warning| warning.path == "resources.disk" && warning.code == "not-enforced")
            };
            let enforced = bench
                .driver
                .capabilities()
                .supports(driver_interface_types::Guarantee::Disk);
            assert_eq!(told(&made.warnings), !enforced);
            let again = bench
                .another()
                .await
                .get_container(&made.id)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(again.warnings, made.warnings);
        },
    );
}

#[test]
fn sessions_filter_what_is_listed() {
    on_each("sessions_filter_what_is_listed", async |bench| {
        let mut other = bench.config("true").label("role", "db");
        other.session_id = "s2".to_owned();
        let first = bench.created("true").await;
        let second = bench.driver.create_container(&other).await.unwrap();
        let list = async |filter: ContainerFilter| {
            let found = bench.driver.list_containers(&filter).await.unwrap();
            found.into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        let all = ContainerFilter::default();
        assert_eq!(list(all.clone()).await, [first.id.clone(), second.id.clone()]);
        assert_eq!(
            list(all.clone().session(SessionId::new("s2").unwrap())).await,
            std::slice::from_ref(&second.id)
        );
        assert_eq!(
            list(all.clone().label("role", "db")).await,
            std::slice::from_ref(&second.id)
        );
        assert!(list(all.clone().label("role", "")).await.is_empty());
        assert!(list(all.clone().label("role", "d*")).await.is_empty());
        assert!(list(all.session(SessionId::new("s").unwrap())).await.is_empty());
    });
}

#[test]
fn volumes_outlive_containers_and_bind_mounts_show_the_host() {
    on_each(
        "volumes_outlive_containers_and_bind_mounts_show_the_host",
        async |bench| {
            let name = format!("{}-data", bench.namespace);
            bench
                .driver
                .create_volume(&VolumeConfig::new(name.as_str()))
                .await
                .unwrap();
            let write = bench
                .config("echo kept > /data/file")
                .mount(VolumeMount::volume(name.as_str(), "/data"));
            let wrote = bench.ended(&write).await;
            assert_eq!(wrote.exit_code(), Some(0));
            bench
                .driver
                .remove_container(&wrote.id, RemoveOptions::default())
                .await
                .unwrap();

            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("host"), "from the host").unwrap();
            let script = "cat /data/file; cat /host/host; touch /data/x 2>/dev/null && echo WRITABLE; true";
            let read = bench
                .config(script)
                .mount(VolumeMount::volume(name.as_str(), "/data").read_only(true))
                .mount(VolumeMount::bind(folder.path().to_str().unwrap(), "/host"));
            let policy = ValidationPolicy::default().allow_bind_root(folder.path().to_str().unwrap());
            let made = bench
                .with_policy(policy)
                .await
                .create_container(&read)
                .await
                .unwrap();
            bench.driver.start_container(&made.id).await.unwrap();
            let done = bench.until(&made, |now| now.exit.is_some()).await;
            let logs = bench
                .driver
                .get_container_logs(&done.id, Default::default())
                .await
                .unwrap();
            assert_eq!(logs, "kept\nfrom the host");
        },
    );
}
