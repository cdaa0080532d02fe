//! Parses the optional parts of a container's config.

use driver_interface_types::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, HealthTest, PortMapping, TmpfsMount, Ulimit,
};

use super::node::Node;
use super::read::{
    Fields, Found, choice, flag, items, list, maybe, millis, parsed, parsed_map, small, text, whole,
};
use crate::limits;

const ADDRESS: &str = "an IP address";

pub(super) fn optional_fields(fields: &mut Fields<'_>, config: &mut ContainerConfig) {
    fields.optional("entrypoint", &mut config.entrypoint, maybe(list(text)));
    fields.optional("workingDir", &mut config.working_dir, maybe(text));
    fields.optional("hostname", &mut config.hostname, maybe(text));
    fields.optional("tty", &mut config.tty, flag);
    fields.optional(
        "stopSignal",
        &mut config.stop_signal,
        maybe(parsed("a signal, such as `SIGTERM`")),
    );
    fields.optional("init", &mut config.init, maybe(flag));
    fields.optional("tmpfs", &mut config.tmpfs, items(tmpfs));
    fields.optional("shmSize", &mut config.shm_size, maybe(whole(limits::TMPFS)));
    fields.optional("ulimits", &mut config.ulimits, items(ulimit));
    fields.optional("ports", &mut config.ports, items(port));
    fields.optional("networkAliases", &mut config.network_aliases, list(text));
    fields.optional("dns", &mut config.dns, items(parsed(ADDRESS)));
    fields.optional("extraHosts", &mut config.extra_hosts, parsed_map(ADDRESS));
    fields.optional("healthCheck", &mut config.health_check, maybe(health_check));
    fields.optional("platform", &mut config.platform, maybe(text));
    fields.optional("runtime", &mut config.runtime, maybe(text));
    fields.optional("devices", &mut config.devices, items(device));
    fields.optional("gpus", &mut config.gpus, maybe(gpus));
}

fn tmpfs(node: Node, path: &str, found: &mut Found) -> Option<TmpfsMount> {
    let mut mount = TmpfsMount::new("", 0);
    let mut fields = Fields::of(node, path, found);
    fields.required("target", &mut mount.target, text);
    fields.required("size", &mut mount.size, whole(limits::TMPFS));
    fields.optional("mode", &mut mount.mode, maybe(small(limits::FILE_MODE)));
    fields.optional("uid", &mut mount.uid, maybe(small(limits::ID)));
    fields.optional("gid", &mut mount.gid, maybe(small(limits::ID)));
    fields.optional("exec", &mut mount.exec, flag);
    fields.optional("suid", &mut mount.suid, flag);
    fields.optional("dev", &mut mount.dev, flag);
    fields.finish();
    Some(mount)
}

fn ulimit(node: Node, path: &str, found: &mut Found) -> Option<Ulimit> {
    let mut limit = Ulimit::new("", 0, u64::MAX);
    let mut fields = Fields::of(node, path, found);
    fields.required("name", &mut limit.name, text);
    fields.required("soft", &mut limit.soft, whole(limits::ANY));
    fields.required("hard", &mut limit.hard, whole(limits::ANY));
    fields.finish();
    Some(limit)
}

fn port(node: Node, path: &str, found: &mut Found) -> Option<PortMapping> {
    let mut mapping = PortMapping::new(0);
    let mut fields = Fields::of(node, path, found);
    fields.required("containerPort", &mut mapping.container_port, small(limits::PORT));
    fields.optional("protocol", &mut mapping.protocol, choice(&["tcp", "udp"]));
    fields.optional("hostIp", &mut mapping.host_ip, parsed(ADDRESS));
    fields.optional("hostPort", &mut mapping.host_port, maybe(small(limits::PORT)));
    fields.finish();
    Some(mapping)
}

fn health_check(node: Node, path: &str, found: &mut Found) -> Option<HealthCheck> {
    let mut check = HealthCheck::shell("");
    let mut fields = Fields::of(node, path, found);
    fields.required("test", &mut check.test, |node, path, found| match node {
        Node::List(_) => list(text)(node, path, found).map(HealthTest::Command),
        node => text(node, path, found).map(HealthTest::Shell),
    });
    fields.optional("interval", &mut check.interval, millis);
    fields.optional("timeout", &mut check.timeout, millis);
    fields.optional("retries", &mut check.retries, small(limits::COUNT));
    fields.optional("startPeriod", &mut check.start_period, millis);
    fields.finish();
    Some(check)
}

fn device(node: Node, path: &str, found: &mut Found) -> Option<DeviceMapping> {
    let mut device = DeviceMapping::new("");
    let mut fields = Fields::of(node, path, found);
    fields.required("hostPath", &mut device.host_path, text);
    fields.required("containerPath", &mut device.container_path, text);
    fields.optional("permissions", &mut device.permissions, text);
    fields.finish();
    Some(device)
}

fn gpus(node: Node, path: &str, found: &mut Found) -> Option<GpuRequest> {
    let mut request = GpuRequest::all();
    let mut fields = Fields::of(node, path, found);
    fields.optional("count", &mut request.count, maybe(small(limits::COUNT)));
    fields.optional("deviceIds", &mut request.device_ids, list(text));
    fields.optional("driver", &mut request.driver, maybe(text));
    fields.finish();
    Some(request)
}
