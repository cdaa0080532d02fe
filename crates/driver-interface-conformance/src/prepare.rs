//! The steps before the first check and after the last one: connecting, and importing and removing the test image.

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

/// The beginning of the reason that reports give if a check is not run because there is no test image.
pub(crate) const NO_IMAGE: &str = "no test image";
/// The timeout of each step of the preparation. A driver that hangs therefore does not hang the suite.
const DEADLINE: Duration = Duration::from_secs(120);
/// The prefix of the namespace of every run.
const PREFIX: &str = "conf-";
/// The hint for a driver that cannot import the suite's own image.
const NAME_ONE: &str =
    "the driver does not import images; name one that the engine has, with `Harness::image` or `--image`";
/// The timeout for connecting a driver, and for calls that send no request to the engine.
const CONNECT_DEADLINE: Duration = Duration::from_secs(60);
const HEALTH_DEADLINE: Duration = Duration::from_secs(15);

/// The state of the test image after the preparation.
pub(crate) enum Image {
    /// The engine has the image or can pull it. This run has not imported it.
    Found(ImageRef),
    /// This run has imported the image.
    Imported(ImageRef),
    /// The image is unavailable for this reason. The checks that need the image are not run.
    Missing(String),
    /// The driver declares that it imports images, but the import failed.
    Broken {
        reason: String,
        /// The image that the failed import may have created nevertheless.
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

/// Connects a driver, with a timeout, so that a target that never returns does not block the suite.
pub(crate) async fn connect(
    target: &Arc<dyn Target>,
    namespace: &Namespace,
) -> Result<Arc<dyn ContainerDriver>, DriverError> {
    let (target, namespace) = (Arc::clone(target), namespace.clone());
    let connected = guard::call(CONNECT_DEADLINE, async move { target.connect(&namespace).await }).await;
    connected.unwrap_or_else(|lost| Err(lost.into_error("connect")))
}

/// Returns the capabilities that a driver declares.
pub(crate) async fn capabilities(driver: &Arc<dyn ContainerDriver>) -> Result<Capabilities, Lost> {
    let driver = Arc::clone(driver);
    guard::call(CONNECT_DEADLINE, async move { driver.capabilities() }).await
}

/// Returns the capabilities of the driver, and a report that identifies the driver and its engine. If a call panics or
/// times out, the report lists the call in its field `leaks`.
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

/// Returns the namespace of the run with the id `run_id`.
pub(crate) fn namespace_of(run_id: &str) -> Result<Namespace, ConfigurationError> {
    Namespace::new(format!("{PREFIX}{run_id}"))
}

/// Returns the image that the run with this namespace imports, or `None` if the namespace does not belong to a run.
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
    // A name with a registry is the same on every engine, but engines complete a short name differently.
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

/// Creates a container from an image that the engine should have or pull, to find out whether the image is available.
/// A missing image is thus reported once. Otherwise, every check would fail.
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
            // If this fails, the sweep reports the container.
            let _ = guard::call(DEADLINE, removal).await;
        }
        // If there is any other problem, the checks report it.
        Ok(Err(_)) | Err(_) => {}
    }
    Image::Found(reference.clone())
}

/// Removes the image that [`import`] created. If the removal fails, returns a message that names the image.
pub(crate) async fn remove(
    driver: &Arc<dyn ContainerDriver>,
    capabilities: &Capabilities,
    image: &Image,
) -> Option<String> {
    let (reference, is_there) = match image {
        Image::Imported(reference) => (reference, true),
        // The import failed or never returned, but may have created the image nevertheless.
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

/// If a check cannot run or does not apply to the driver, returns the check's outcome and the reason. Otherwise
/// returns `None`.
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
