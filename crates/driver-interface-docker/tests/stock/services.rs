//! Each service with each of its settings.

use driver_interface_types::{
    ContainerConfig, ContainerId, ExecConfig, ImageInfo, SecurityOptions, VolumeOwner, WaitFor,
};

use super::bench::{Stock, on_each_with};
use super::recipes::{NGINX, POSTGRES, REDIS};
use super::settings;

#[test]
fn nginx_serves_a_page_with_either_setting() {
    on_each_with("stock nginx", &NGINX, |stock| async move {
        for config in [
            settings::nginx(&stock.session, &stock.image),
            settings::hardened_nginx(&stock.session, &stock.image),
        ] {
            let id = stock.running(&config, &WaitFor::http(80, "/")).await;
            let page = stock.page(&id).await;
            assert!(
                page.starts_with("HTTP/1.1 200") && page.ends_with("welcome\n"),
                "{page}"
            );
            stock.stopped(&id).await;
        }
    });
}

#[test]
fn plan_advises_against_defaults_for_root_images() {
    on_each_with("stock nginx by default", &NGINX, |stock| async move {
        let config = ContainerConfig::new(stock.session.as_str(), stock.image.as_str());
        let plan = stock.plan(&config).await;
        assert_eq!(plan.advice.len(), 1, "{:?}", plan.advice);
        assert_eq!(plan.advice[0].code, ImageInfo::STARTS_AS_ROOT);
        assert!(plan.advice[0].message.contains("SecurityOptions::compatible()"));
        let image = plan.image.unwrap();
        assert_eq!(
            (image.user, image.entrypoint),
            (None, vec!["/docker-entrypoint.sh".to_owned()])
        );
        assert_eq!(image.command, NGINX.command);
        let (code, logs) = stock.exited(&config).await;
        assert!(
            code != 0 && logs.contains("Read-only file system"),
            "{code}: {logs}"
        );
    });
}

#[test]
fn postgres_keeps_its_data_with_either_setting() {
    on_each_with("stock postgres", &POSTGRES, |stock| async move {
        for (name, settings) in [
            ("open", settings::postgres as fn(&_, &_, &_) -> ContainerConfig),
            ("hard", settings::hardened_postgres),
        ] {
            let config = settings(
                &stock.session,
                &stock.image,
                &stock.volume(name, VolumeOwner::new(999, 999)).await,
            );
            let ready = WaitFor::exec(["pg_isready", "--quiet", "--host", "127.0.0.1"]);
            let id = stock.running(&config, &ready).await;
            query(&stock, &id, "create table kept as select 40 + 2 as number").await;
            stock.stopped(&id).await;
            let id = stock.running(&config, &ready).await;
            assert_eq!(query(&stock, &id, "select number from kept").await, "42");
            stock.stopped(&id).await;
        }
    });
}

async fn query(stock: &Stock, id: &ContainerId, statement: &str) -> String {
    let psql = [
        "psql", "--host=127.0.0.1", "--username=postgres", "-Atc", statement,
    ];
    stock
        .exec(id, ExecConfig::new(psql).env("PGPASSWORD", "secret"))
        .await
}

#[test]
fn redis_keeps_its_data_with_either_setting() {
    on_each_with("stock redis", &REDIS, |stock| async move {
        for (name, settings) in [
            ("open", settings::redis as fn(&_, &_, &_) -> ContainerConfig),
            ("hard", settings::hardened_redis),
        ] {
            let config = settings(
                &stock.session,
                &stock.image,
                &stock.volume(name, VolumeOwner::new(999, 1000)).await,
            );
            let cli = |words: &[&str]| ExecConfig::new([&["redis-cli"][..], words].concat());
            let ready = WaitFor::exec(["redis-cli", "ping"]);
            let id = stock.running(&config, &ready).await;
            assert_eq!(stock.exec(&id, cli(&["ping"])).await, "PONG");
            assert_eq!(stock.exec(&id, cli(&["set", "key", "kept"])).await, "OK");
            stock.stopped(&id).await;
            let id = stock.running(&config, &ready).await;
            assert_eq!(stock.exec(&id, cli(&["get", "key"])).await, "kept");
            stock.stopped(&id).await;
        }
    });
}

#[test]
fn plan_advises_against_volume_of_another_user() {
    on_each_with("stock redis by another user", &REDIS, |stock| async move {
        let config = ContainerConfig::new(stock.session.as_str(), stock.image.as_str())
            .security(SecurityOptions::hardened().user("1234:1234"));
        let advice = stock.plan(&config).await.advice;
        assert_eq!(advice.len(), 1, "{advice:?}");
        assert_eq!(advice[0].code, ImageInfo::VOLUME_NOT_WRITABLE);
        let config = config.command(["sh", "-c", "touch /data/file"]);
        let (code, logs) = stock.exited(&config).await;
        assert!(code != 0 && logs.contains("Permission denied"), "{code}: {logs}");
    });
}
