//! The settings that concern the engine's host: capabilities, security options, devices and GPUs.

use driver_interface_types::{DeviceMapping, GpuRequest};

use super::{NOT_READ, Settings};
use crate::text;

/// The name of the GPU driver for devices of the Container Device Interface.
const CDI: &str = "cdi";

impl Settings<'_> {
    pub(crate) fn add_capability(&mut self, name: &str) {
        match capability(name).as_str() {
            "ALL" => self.leave(
                Some(name),
                "the container would be effectively privileged; add the capabilities that the program needs",
            ),
            name => self.config.security.capabilities.add.push(name.to_owned()),
        }
    }

    pub(crate) fn drop_capability(&mut self, name: &str) {
        let dropped = &mut self.config.security.capabilities.drop;
        let name = capability(name);
        self.explicit.drops_all |= name == "ALL";
        if !dropped.iter().any(|other| *other == name || other == "ALL") {
            dropped.push(name);
        }
    }

    pub(crate) fn read_only(&mut self, yes: bool) {
        self.explicit.read_only = true;
        self.config.security.read_only = yes;
    }

    /// Applies a security option of the form `name[=value]` or, in the syntax of older versions of Docker,
    /// `name[:value]`.
    pub(crate) fn security_option(&mut self, option: &str) {
        let (name, value) = option
            .split_once(['=', ':'])
            .map_or((option, None), |(name, value)| (name, Some(value)));
        let unconfined =
            "a container cannot run without confinement; give a profile that allows what the program needs";
        match (name, value) {
            ("no-new-privileges", value) => {
                if let Some(yes) = self.flag(value.unwrap_or("true")) {
                    self.explicit.no_new_privileges = true;
                    self.config.security.no_new_privileges = yes;
                }
            }
            ("seccomp" | "apparmor", Some("unconfined")) => self.leave(Some(option), unconfined),
            ("seccomp", Some("builtin")) => {}
            ("seccomp", Some(path)) => match self.options.files.get(path) {
                Some(profile) => self.config.security.seccomp_profile = Some(profile.clone()),
                None => self.leave(Some(option), NOT_READ),
            },
            ("apparmor", Some("docker-default" | "")) => {}
            ("apparmor", Some(name)) => self.config.security.apparmor_profile = Some(name.to_owned()),
            ("label", _) => self.leave(
                Some(option),
                "the engine chooses the SELinux label of processes; label the files of bind mounts with `z` or `Z`",
            ),
            ("systempaths" | "writable-cgroups" | "credentialspec", _) => self.leave(
                Some(option),
                "it weakens the isolation and is not supported; add the capabilities that the program needs",
            ),
            _ => self.invalid(format!("is not a known security option; got {option:?}")),
        }
    }

    /// Adds a device. `value` has the form `host[:container][:permissions]`, or is the name of a device of the
    /// Container Device Interface.
    pub(crate) fn device(&mut self, value: &str) {
        if !value.starts_with('/') && value.contains('=') {
            return self.cdi_device(value);
        }
        let mut parts = value.split(':');
        let mut device = DeviceMapping::new(parts.next().unwrap_or_default());
        for part in parts {
            if part.starts_with('/') {
                device = device.container_path(part);
            } else {
                device = device.permissions(part);
            }
        }
        self.config.devices.push(device);
    }

    fn cdi_device(&mut self, name: &str) {
        match &mut self.config.gpus {
            None => self.config.gpus = Some(GpuRequest::devices([name]).driver(CDI)),
            Some(gpus) if gpus.driver.as_deref() == Some(CDI) => gpus.device_ids.push(name.to_owned()),
            Some(_) => self.leave(Some(name), ONE_REQUEST),
        }
    }

    /// Requests GPUs. `value` is `all`, a number, or fields such as `driver=nvidia,"device=0,1"`.
    pub(crate) fn gpus(&mut self, value: &str) {
        let Some(fields) = self.valid(text::comma_separated(value)) else {
            return;
        };
        let mut request = GpuRequest::all();
        for field in &fields {
            match text::key_value(field) {
                (count, None) | ("count", Some(count)) => self.gpu_count(&mut request, count),
                ("device", Some(ids)) => request.device_ids = ids.split(',').map(str::to_owned).collect(),
                ("driver", Some(driver)) => request = request.driver(driver),
                ("capabilities", Some(names)) => {
                    self.gpu_capabilities(names.split(','));
                }
                ("options", Some(_)) => {
                    self.leave(None, "the GPU driver's options are not supported; remove them")
                }
                (key, _) => self.invalid(format!("has an unknown field {key:?}")),
            }
        }
        self.gpu_request(request);
    }

    pub(crate) fn gpu_count(&mut self, request: &mut GpuRequest, count: &str) {
        if !matches!(count, "all" | "-1") {
            request.count = self.valid(text::number(count));
        }
    }

    /// Lists the requested GPU driver capabilities other than `gpu` as not carried over.
    pub(crate) fn gpu_capabilities<'t>(&mut self, names: impl Iterator<Item = &'t str>) {
        let others: Vec<&str> = names.filter(|name| *name != "gpu").collect();
        if !others.is_empty() {
            let reason = "the GPU driver's default capabilities are used; set them in the environment (`NVIDIA_DRIVER_CAPABILITIES`)";
            self.leave(Some(&others.join(",")), reason);
        }
    }

    pub(crate) fn gpu_request(&mut self, request: GpuRequest) {
        match self.config.gpus {
            None => self.config.gpus = Some(request),
            Some(_) => self.leave(None, ONE_REQUEST),
        }
    }
}

const ONE_REQUEST: &str = "a config has one request for GPUs; combine them into one";

fn capability(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name)
}
