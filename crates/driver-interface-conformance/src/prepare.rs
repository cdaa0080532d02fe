//! What happens before the first check and after the last one.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    Capability, ConfigurationError, ContainerConfig, ContainerDriver, ImageRef, Namespace, RemoveOptions,
};
use tokio::time::timeout;

use crate::ctx::Shared;
use crate::outcome::describe as describe_error;
use crate::{Check, DriverReport, Need, Outcome, Target, TestImage};

/// How the reason begins for which a check that needs the test image does not run.
pub(crate) const NO_IMAGE: &str = "no test image";
/// How long each of these steps may take: a driver that hangs must not hang the suite.
const DEADLINE: Duration = Duration::from_secs(120);
/// How the namespace of each run begins.
const PREFIX: &str = "conf-";
/// What to do about a driver that cannot be given the suite's own image.
const NAME_ONE: &str =
    "the driver does not import images; name one that the engine has, with `Harness::image` or `--image`";
const HEALTH_DEADLINE: Duration = Duration::from_secs(15);

/// The test image as it turned out.
pub(crate) enum Image {
    /// There, and not ours.
    Found(ImageRef),
    /// Imported by this run.
    Imported(ImageRef),
    /// Not to be had; the checks that need it are not run.
    Missing(String),
    /// It should be there: the driver declares that it can import one, and failed.
    Broken(String),
}

impl Image {
    pub(crate) fn reference(&self) -> Option<&str> {
        match self {
            Self::Found(image) | Self::Imported(image) => Some(image.as_str()),
            Self::Missing(_) | Self::Broken(_) => None,
        }
    }
}

/// Who the driver and its engine are.
pub(crate) async fn describe(target: &dyn Target, driver: &dyn ContainerDriver) -> DriverReport {
    let mut report = DriverReport::new(target.uri());
    driver.name().clone_into(&mut report.name);
    driver.version().clone_into(&mut report.version);
    report.capabilities = driver.capabilities().declared().collect();
    // That a health check works is for a check to find out, not for the heading.
    let health = timeout(HEALTH_DEADLINE, driver.health_check()).await;
    report.engine = health.ok().and_then(Result::ok).and_then(|health| health.engine);
    report
}

/// The namespace of a run.
pub(crate) fn namespace_of(run_id: &str) -> Result<Namespace, ConfigurationError> {
    Namespace::new(format!("{PREFIX}{run_id}"))
}

/// The image that the run in this namespace imports; none if no run's own namespace is called so.
pub(crate) fn image_of(namespace: &Namespace) -> Option<ImageRef> {
    let run_id = namespace.as_str().strip_prefix(PREFIX)?;
    ImageRef::new(format!("localhost/driver-interface-conformance:{run_id}")).ok()
}

pub(crate) async fn import(driver: &dyn ContainerDriver, image: &TestImage, namespace: &Namespace) -> Image {
    let root = match image {
        TestImage::Existing(reference) => return probe(driver, reference).await,
        TestImage::Missing(reason) => return Image::Missing(reason.clone()),
        TestImage::Root(root) => root.clone(),
    };
    if !driver.capabilities().supports(Capability::ImageImport) {
        return Image::Missing(NAME_ONE.to_owned());
    }
    // Engines complete a short name differently; one with a registry is the same everywhere.
    let Some(reference) = image_of(namespace) else {
        return Image::Broken(format!("no image can be named after {namespace}"));
    };
    let broken = |why: String| Image::Broken(format!("the test image could not be imported: {why}"));
    match timeout(DEADLINE, driver.import_image(&reference, root)).await {
        Ok(Ok(())) => Image::Imported(reference),
        Ok(Err(error)) => broken(describe_error(&error)),
        Err(_) => broken(format!("no answer within {DEADLINE:?}")),
    }
}

/// Looks whether a container can be made of an image that the engine is to have or to pull, so that its absence is told
/// once, and not as the failure of every check.
async fn probe(driver: &dyn ContainerDriver, reference: &ImageRef) -> Image {
    let config = ContainerConfig::new("probe", reference.as_str());
    match timeout(DEADLINE, driver.create_container(&config)).await {
        Ok(Err(error)) if [codes::IMAGE_NOT_FOUND, codes::IMAGE_PULL_FAILED].contains(&error.code()) => {
            return Image::Missing(format!(
                "{reference} is not to be had: {}",
                describe_error(&error)
            ));
        }
        Ok(Ok(made)) => {
            // The sweep tells of one that stays.
            let _ = timeout(
                DEADLINE,
                driver.remove_container(&made.id, RemoveOptions::force()),
            )
            .await;
        }
        // Whatever else is wrong is for the checks to find.
        Ok(Err(_)) | Err(_) => {}
    }
    Image::Found(reference.clone())
}

/// Removes what [`import`] made. Returns what is left.
pub(crate) async fn remove(driver: &dyn ContainerDriver, image: &Image) -> Option<String> {
    let Image::Imported(reference) = image else {
        return None;
    };
    if !driver.capabilities().supports(Capability::ImageRemove) {
        return Some(format!("image {reference}: the driver cannot remove images"));
    }
    let problem = match timeout(DEADLINE, driver.remove_image(reference)).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => describe_error(&error),
        Err(_) => format!("not removed within {DEADLINE:?}"),
    };
    Some(format!("image {reference}: {problem}"))
}

/// Why a check does not run, if it does not.
pub(crate) fn obstacle(check: &Check, shared: &Shared, image: &Image) -> Option<(Outcome, String)> {
    let missing: Vec<&str> = check
        .requires
        .iter()
        .filter(|capability| !shared.capabilities.supports(**capability))
        .map(|capability| capability.as_str())
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
        (Need::Image | Need::Registry, Image::Broken(reason)) => Some((Outcome::Error, reason.clone())),
        (Need::Bystanders, _) if shared.target.bystanders().is_none() => Some((
            Outcome::Skipped,
            "the target cannot make objects of other programs".to_owned(),
        )),
        (Need::Registry, _) if shared.target.registry_image().is_none() => Some((
            Outcome::NotRun,
            "the target names no image of a registry".to_owned(),
        )),
        _ => None,
    })
}
