//! The preparation before the first check and the cleanup after the last one.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    Capabilities, ConfigurationError, ContainerConfig, ContainerDriver, DriverError, ImageRef, Namespace,
    Operation, Property, RemoveOptions,
};

use crate::ctx::Shared;
use crate::guard::Lost;
use crate::outcome::describe as describe_error;
use crate::{Check, DriverReport, Need, Outcome, Target, TestImage, guard};

/// The prefix of the reason why checks that need the test image are not run.
pub(crate) const NO_IMAGE: &str = "no test image";
/// The timeout for each of these steps: a driver that hangs must not hang the suite.
const DEADLINE: Duration = Duration::from_secs(120);
/// The prefix of each run's namespace.
const PREFIX: &str = "conf-";
/// The remedy for a driver that cannot import the suite's own image.
const NAME_ONE: &str =
    "the driver does not import images; name one that the engine has, with `Harness::image` or `--image`";
/// The timeout for connecting, and for information that needs no request to the engine.
const CONNECT_DEADLINE: Duration = Duration::from_secs(60);
const HEALTH_DEADLINE: Duration = Duration::from_secs(15);

/// The state of the test image after preparation.
pub(crate) enum Image {
    /// The image exists and is not the suite's own.
    Found(ImageRef),
    /// The image was imported by this run.
    Imported(ImageRef),
    /// The image is unavailable; the checks that need it are not run.
    Missing(String),
    /// The import failed, although the driver declares it.
    Broken {
        reason: String,
        /// The image that the import may have created nevertheless.
        tried: Option<ImageRef>,
    },
}

impl Image {
    pub(crate) fn reference(&self) -> Option<&str> {
        match self {
            Self::Found(image) | Self::Imported(image) => Some(image.as_str()),
            Self::Missing(_) | Self::Broken { .. } => None,
        }
    }
}

/// Connects with a timeout, so that a driver that never returns does not block the suite.
pub(crate) async fn connect(
    target: &Arc<dyn Target>,
    namespace: &Namespace,
) -> Result<Arc<dyn ContainerDriver>, DriverError> {
    let (target, namespace) = (Arc::clone(target), namespace.clone());
    let connected = guard::call(CONNECT_DEADLINE, async move { target.connect(&namespace).await }).await;
    connected.unwrap_or_else(|lost| Err(lost.into_error("connect")))
}

/// Returns the capabilities a driver declares.
pub(crate) async fn capabilities(driver: &Arc<dyn ContainerDriver>) -> Result<Capabilities, Lost> {
    let driver = Arc::clone(driver);
    guard::call(CONNECT_DEADLINE, async move { driver.capabilities() }).await
}

/// Returns the identity of the driver and its engine. The report lists the reason for each missing value.
pub(crate) async fn describe(
    target: &dyn Target,
    driver: &Arc<dyn ContainerDriver>,
) -> (DriverReport, Capabilities) {
    let mut report = DriverReport::new(target.uri());
    let requested = Arc::clone(driver);
    let names = async move { (requested.name().to_owned(), requested.version().to_owned()) };
    match guard::call(CONNECT_DEADLINE, names).await {
        Ok((name, version)) => (report.name, report.version) = (name, version),
        Err(lost) => report.leaks.push(format!("reading its name and version: {lost}")),
    }
    let capabilities = capabilities(driver).await.unwrap_or_else(|lost| {
        report.leaks.push(format!("reading its capabilities: {lost}"));
        Capabilities::minimal()
    });
    report.capabilities = capabilities.clone();
    // Whether `health_check` works is tested by a check, not here.
    let requested = Arc::clone(driver);
    match guard::call(HEALTH_DEADLINE, async move { requested.health_check().await }).await {
        Ok(health) => report.engine = health.ok().and_then(|health| health.engine),
        Err(lost) => report.leaks.push(format!("checking its health: {lost}")),
    }
    (report, capabilities)
}

/// Returns the namespace of a run.
pub(crate) fn namespace_of(run_id: &str) -> Result<Namespace, ConfigurationError> {
    Namespace::new(format!("{PREFIX}{run_id}"))
}

/// Returns the image that the run in this namespace imports; `None` if this is not the namespace of a run.
pub(crate) fn image_of(namespace: &Namespace) -> Option<ImageRef> {
    let run_id = namespace.as_str().strip_prefix(PREFIX)?;
    ImageRef::new(format!("localhost/driver-interface-conformance:{run_id}")).ok()
}

pub(crate) async fn import(
    driver: &Arc<dyn ContainerDriver>,
    capabilities: &Capabilities,
    image: &TestImage,
    namespace: &Namespace,
) -> Image {
    let root = match image {
        TestImage::Existing(reference) => return probe(driver, reference).await,
        TestImage::Missing(reason) => return Image::Missing(reason.clone()),
        TestImage::Root(root) => root.clone(),
    };
    if !capabilities.supports(Operation::ImportImage) {
        return Image::Missing(NAME_ONE.to_owned());
    }
    // Engines complete a short name differently. A name with a registry is the same everywhere.
    let Some(reference) = image_of(namespace) else {
        return Image::Broken {
            reason: format!("no image can be named after {namespace}"),
            tried: None,
        };
    };
    let (requested, tried) = (Arc::clone(driver), reference.clone());
    let why = match guard::call(DEADLINE, async move {
        requested.import_image(&tried, root.into()).await
    })
    .await
    {
        Ok(Ok(())) => return Image::Imported(reference),
        Ok(Err(error)) => describe_error(&error),
        Err(lost) => lost.to_string(),
    };
    Image::Broken {
        reason: format!("the test image could not be imported: {why}"),
        tried: Some(reference),
    }
}

/// Checks whether a container can be created from an image that the engine should have or pull, so that a missing
/// image is reported once and not as the failure of every check.
async fn probe(driver: &Arc<dyn ContainerDriver>, reference: &ImageRef) -> Image {
    let (requested, config) = (
        Arc::clone(driver),
        ContainerConfig::new("probe", reference.as_str()),
    );
    match guard::call(DEADLINE, async move { requested.create_container(&config).await }).await {
        Ok(Err(error)) if [codes::IMAGE_NOT_FOUND, codes::IMAGE_PULL_FAILED].contains(&error.code()) => {
            return Image::Missing(format!(
                "{reference} is not available: {}",
                describe_error(&error)
            ));
        }
        Ok(Ok(created)) => {
            let requested = Arc::clone(driver);
            let removal = async move {
                requested
                    .remove_container(&created.id, RemoveOptions::force())
                    .await
            };
            // The sweep reports a leftover container.
            let _ = guard::call(DEADLINE, removal).await;
        }
        // The checks report any other problem.
        Ok(Err(_)) | Err(_) => {}
    }
    Image::Found(reference.clone())
}

/// Removes the image that [`import`] created. Returns the image if it could not be removed.
pub(crate) async fn remove(
    driver: &Arc<dyn ContainerDriver>,
    capabilities: &Capabilities,
    image: &Image,
) -> Option<String> {
    let (reference, is_there) = match image {
        Image::Imported(reference) => (reference, true),
        // An import that failed or never returned may still have created the image.
        Image::Broken {
            tried: Some(reference),
            ..
        } => (reference, false),
        Image::Broken { tried: None, .. } | Image::Found(_) | Image::Missing(_) => return None,
    };
    if !capabilities.supports(Operation::RemoveImage) {
        return is_there.then(|| format!("image {reference}: the driver cannot remove images"));
    }
    let (requested, gone) = (Arc::clone(driver), reference.clone());
    let problem = match guard::call(DEADLINE, async move { requested.remove_image(&gone).await }).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) if !is_there && error.is_not_found() => return None,
        Ok(Err(error)) => describe_error(&error),
        Err(lost) => lost.to_string(),
    };
    Some(format!("image {reference}: {problem}"))
}

/// Returns the outcome and the reason of a check that does not run.
pub(crate) fn obstacle(check: &Check, shared: &Shared, image: &Image) -> Option<(Outcome, String)> {
    let missing: Vec<String> = check
        .required()
        .chain(check.programs.then(|| Property::RunsPrograms.into()))
        .filter(|capability| !shared.capabilities.supports(*capability))
        .map(|capability| capability.to_string())
        .collect();
    if !missing.is_empty() {
        return Some((
            Outcome::Skipped,
            format!("the driver does not declare {}", missing.join(", ")),
        ));
    }
    check.needs.iter().find_map(|need| match (need, image) {
        (Need::Image | Need::Registry, Image::Missing(reason)) => {
            Some((Outcome::NotRun, format!("{NO_IMAGE}: {reason}")))
        }
        (Need::Image | Need::Registry, Image::Broken { reason, .. }) => {
            Some((Outcome::Error, reason.clone()))
        }
        (Need::UnmanagedResources, _) if shared.target.unmanaged_resources().is_none() => Some((
            Outcome::Skipped,
            "the target cannot create unmanaged resources".to_owned(),
        )),
        (Need::Registry, _) if shared.target.registry_image().is_none() => {
            Some((Outcome::NotRun, "the target has no registry image".to_owned()))
        }
        (Need::Link, _) if shared.target.engine_address().is_none() => Some((
            Outcome::Skipped,
            "the target has no engine address for a fault proxy".to_owned(),
        )),
        _ => None,
    })
}
