//! The settings of `docs/STOCK_IMAGES.md`, word for word; see `page.rs`.

use driver_interface_types::{ContainerConfig, PortMapping, SecurityOptions, SessionId, VolumeMount};

pub(super) fn nginx(session: &SessionId, image: &str) -> ContainerConfig {
    ContainerConfig::new(session.as_str(), image)
        .security(SecurityOptions::compatible())
        .port(PortMapping::new(80))
}

pub(super) fn hardened_nginx(session: &SessionId, image: &str) -> ContainerConfig {
    let security = SecurityOptions::hardened()
        .user("101:101")
        .add_capability("NET_BIND_SERVICE");
    ContainerConfig::new(session.as_str(), image)
        .security(security)
        .tmpfs("/var/cache/nginx", 64)
        .tmpfs("/run", 1)
        .port(PortMapping::new(80))
}

pub(super) fn postgres(session: &SessionId, image: &str, data: &str) -> ContainerConfig {
    ContainerConfig::new(session.as_str(), image)
        .security(SecurityOptions::compatible())
        .env("POSTGRES_PASSWORD", "secret")
        .mount(VolumeMount::volume(data, "/var/lib/postgresql/data"))
}

pub(super) fn hardened_postgres(session: &SessionId, image: &str, data: &str) -> ContainerConfig {
    ContainerConfig::new(session.as_str(), image)
        .security(SecurityOptions::hardened().user("999:999"))
        .env("POSTGRES_PASSWORD", "secret")
        .mount(VolumeMount::volume(data, "/var/lib/postgresql/data"))
        .tmpfs("/var/run/postgresql", 1)
}

pub(super) fn redis(session: &SessionId, image: &str, data: &str) -> ContainerConfig {
    ContainerConfig::new(session.as_str(), image)
        .security(SecurityOptions::compatible())
        .mount(VolumeMount::volume(data, "/data"))
}

pub(super) fn hardened_redis(session: &SessionId, image: &str, data: &str) -> ContainerConfig {
    ContainerConfig::new(session.as_str(), image)
        .security(SecurityOptions::hardened().user("999:1000"))
        .mount(VolumeMount::volume(data, "/data"))
}
