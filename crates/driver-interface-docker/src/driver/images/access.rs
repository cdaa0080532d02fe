//! The credentials that the engine uses to access registries.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use driver_interface_errors::{AuthenticationError, DriverError, Result};
use driver_interface_types::{ImageRef, RegistryCredentials};
use http::HeaderValue;
use serde_json::{Map, Value, json};

use crate::config::credentials;
use crate::driver::inner::Inner;
use crate::wire::EngineError;

/// How a pull or push accesses the registry.
pub(super) struct Access {
    pub(super) authorised: bool,
    /// Which credentials the pull or push uses, or why it uses none.
    pub(super) used: String,
}

impl Access {
    /// Returns the error for credentials that the image's registry rejected with `failure`.
    pub(super) fn rejected(&self, image: &ImageRef, failure: EngineError) -> DriverError {
        let message = match &failure {
            EngineError::Refused(refusal) => refusal.message.clone(),
            failure => failure.to_string(),
        };
        let text = format!("the registry of `{image}` rejected {}: {message}", self.used);
        AuthenticationError::new(text).with_source(failure).into()
    }
}

impl Inner {
    /// Returns the header with the credentials for the image's registry, or `None` if there are no credentials. The
    /// driver uses the credentials in `given` or, if that is `None`, those stored by `docker login`. Also returns how
    /// the engine accesses the registry.
    pub(super) async fn auth(
        &self,
        image: &ImageRef,
        given: Option<&RegistryCredentials>,
    ) -> Result<(Option<HeaderValue>, Access)> {
        let (found, used) = match (given, &self.credentials) {
            (Some(given), _) => (Some(given.clone()), "the given credentials".to_owned()),
            (None, Some(file)) => {
                let found = credentials::of_registry(file, image.registry()).await;
                (found.credentials, found.origin)
            }
            (None, None) => (
                None,
                "no credentials: none were given, and the driver reads no file".to_owned(),
            ),
        };
        let access = Access {
            authorised: found.is_some(),
            used,
        };
        let Some(credentials) = found else {
            return Ok((None, access));
        };
        let server = credentials::server(image.registry());
        Ok((Some(header(&fields(&credentials, server)?)?), access))
    }

    /// Returns the header with the credentials for all registries that a build may pull from: the credentials in
    /// `given`, and for other registries the credentials stored by `docker login`. The header covers all of them,
    /// because the driver does not know which registries the Dockerfile names.
    pub(super) async fn auth_of_build(
        &self,
        given: &BTreeMap<String, RegistryCredentials>,
    ) -> Result<Option<HeaderValue>> {
        let mut all = Map::new();
        if let Some(file) = &self.credentials {
            for registry in credentials::registries(file) {
                if let Some(found) = credentials::of_registry(file, &registry).await.credentials {
                    let server = credentials::server(&registry);
                    all.insert(server.to_owned(), fields(&found, server)?);
                }
            }
        }
        for (registry, credentials) in given {
            let server = credentials::server(registry);
            all.insert(server.to_owned(), fields(credentials, server)?);
        }
        if all.is_empty() {
            return Ok(None);
        }
        header(&Value::Object(all)).map(Some)
    }
}

/// Returns the credentials in the engine's format.
fn fields(credentials: &RegistryCredentials, server: &str) -> Result<Value> {
    match credentials {
        RegistryCredentials::Password { username, password } => {
            Ok(json!({"username": username, "password": password, "serveraddress": server}))
        }
        RegistryCredentials::IdentityToken(token) => {
            Ok(json!({"identitytoken": token, "serveraddress": server}))
        }
        _ => Err(AuthenticationError::new("the driver does not support credentials of this kind").into()),
    }
}

fn header(fields: &Value) -> Result<HeaderValue> {
    let header = HeaderValue::from_str(&URL_SAFE.encode(fields.to_string()));
    let mut header =
        header.map_err(|_| AuthenticationError::new("the credentials cannot be sent to the engine"))?;
    header.set_sensitive(true);
    Ok(header)
}
