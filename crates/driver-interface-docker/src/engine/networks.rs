//! Networks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bollard::models::{EndpointSettings, NetworkConnectRequest, NetworkDisconnectRequest};
use driver_interface_types::Subnet;
use http::Method;
use serde::{Deserialize, Serialize};

use super::{Engine, filters};
use crate::translate::records::NetworkRecord;
use crate::wire::{EngineError, Payload, Query};

/// The configuration of a network to create.
#[derive(Clone, Debug)]
pub(crate) struct NetworkPlan {
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) internal: bool,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) ipv6: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerRequest<'a> {
    name: &'a str,
    driver: &'a str,
    /// Makes engines before API 1.44 reject a name that another network already has. Declared here because bollard's
    /// model no longer has this field.
    check_duplicate: bool,
    internal: bool,
    labels: &'a BTreeMap<String, String>,
    options: &'a BTreeMap<String, String>,
    #[serde(rename = "EnableIPv6")]
    ipv6: bool,
    #[serde(rename = "IPAM", skip_serializing_if = "Option::is_none")]
    ipam: Option<Ipam<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam<'a> {
    config: Vec<DockerSubnet<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerSubnet<'a> {
    subnet: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
}

#[derive(Serialize)]
struct PodmanSubnet<'a> {
    subnet: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
}

#[derive(Serialize)]
struct PodmanRequest<'a> {
    name: &'a str,
    driver: &'a str,
    labels: &'a BTreeMap<String, String>,
    options: &'a BTreeMap<String, String>,
    dns_enabled: bool,
    internal: bool,
    ipv6_enabled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subnets: Vec<PodmanSubnet<'a>>,
}

impl Engine {
    /// Creates a network and returns its id. On Podman, this uses Podman's own endpoint, because the
    /// Docker-compatible endpoint drops the options that isolate networks from each other.
    pub(crate) async fn create_network(&self, plan: &NetworkPlan) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        struct Created {
            #[serde(alias = "Id")]
            id: String,
        }
        let NetworkPlan {
            name,
            driver,
            labels,
            options,
            internal,
            subnets,
            ipv6,
        } = plan;
        let (internal, ipv6) = (*internal, *ipv6);
        let (target, payload) = match self.dialect.libpod {
            false => {
                let body = DockerRequest {
                    name,
                    driver,
                    check_duplicate: true,
                    internal,
                    labels,
                    options,
                    ipv6,
                    ipam: (!subnets.is_empty()).then(|| Ipam {
                        config: subnets
                            .iter()
                            .map(|Subnet { range, gateway, .. }| DockerSubnet {
                                subnet: range,
                                gateway: *gateway,
                            })
                            .collect(),
                    }),
                };
                ("/networks/create", Payload::json(&body)?)
            }
            true => {
                let body = PodmanRequest {
                    name,
                    driver,
                    labels,
                    options,
                    dns_enabled: true,
                    internal,
                    ipv6_enabled: ipv6,
                    subnets: subnets
                        .iter()
                        .map(|Subnet { range, gateway, .. }| PodmanSubnet {
                            subnet: range,
                            gateway: *gateway,
                        })
                        .collect(),
                };
                ("/v4.0.0/libpod/networks/create", Payload::json(&body)?)
            }
        };
        let answer = self.wire.call(Method::POST, &Query::new(target), payload).await?;
        answer.json::<Created>().map(|created| created.id)
    }

    /// Lists the networks that match a filter of the engine, such as `label` or `name`. The filter `name` also
    /// matches substrings.
    pub(crate) async fn list_networks(
        &self,
        filter: &str,
        values: Vec<String>,
    ) -> Result<Vec<NetworkRecord>, EngineError> {
        let target = Query::new("/networks").pair("filters", filters(filter, &values));
        // A list of networks by name is always short, because only a few networks can share a name.
        let answer = match filter {
            "name" => self.ask(&target).await?,
            _ => self.ask_list(&target).await?,
        };
        answer.json()
    }

    pub(crate) async fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/networks/{id}"));
        self.wire.change(Method::DELETE, &target).await
    }

    /// Attaches a container to a network.
    pub(crate) async fn connect_network(
        &self,
        network: &str,
        container: &str,
        endpoint: EndpointSettings,
    ) -> Result<(), EngineError> {
        let join = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(endpoint),
        };
        self.attach_to(network, "connect", &join).await
    }

    pub(crate) async fn disconnect_network(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let leave = NetworkDisconnectRequest {
            container: container.to_owned(),
            force: Some(false),
        };
        self.attach_to(network, "disconnect", &leave).await
    }

    /// Detaches a container from a network that no longer exists, and attaches the container to the network that now
    /// has that name.
    pub(crate) async fn reconnect(&self, container: &str, network: &str) -> Result<(), EngineError> {
        let leave = NetworkDisconnectRequest {
            container: container.to_owned(),
            force: Some(true),
        };
        self.attach_to(network, "disconnect", &leave).await?;
        let join = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: None,
        };
        self.attach_to(network, "connect", &join).await
    }

    async fn attach_to(&self, network: &str, how: &str, request: &impl Serialize) -> Result<(), EngineError> {
        let target = Query::new(format!("/networks/{network}/{how}"));
        let payload = Payload::json(request)?;
        self.wire.call(Method::POST, &target, payload).await?.done()
    }
}
