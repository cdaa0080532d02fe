//! Capabilities of the drivers.

use driver_interface::{
    ContainerDriver, DriverError, ImageRef, Operation, ResourceError, ResourceFilter, Result,
};

use crate::support::{drivers, list_all, server};

#[tokio::test(start_paused = true)]
async fn declared_cpu_limit_is_enforced() -> Result<()> {
    for (driver, most) in drivers().into_iter().zip([4.0, 2.0]) {
        assert_eq!(
            driver.capabilities().bounds.max_cpu,
            Some(most),
            "{}",
            driver.name()
        );
        let created = driver.create_container(&server("cpu").cpu(most)).await?;
        assert_eq!(created.resources.cpu, most);

        let error = driver
            .create_container(&server("cpu").cpu(most + 0.5))
            .await
            .unwrap_err();
        let DriverError::Resource(ResourceError::Limit(refused)) = &error else {
            panic!("not a resource limit: {error:?}");
        };
        assert_eq!((refused.resource(), refused.limit()), ("cpu", most));
        assert_eq!(refused.requested(), most + 0.5);
        assert_eq!(list_all(&driver).await, [created]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn undeclared_operations_are_unsupported() {
    for driver in drivers() {
        let image = ImageRef::new("from-archive:1").unwrap();
        let empty_archive = vec![0; 1024];
        let everything = ResourceFilter::default();
        let answers = [
            (
                Operation::ListVolumes,
                driver.list_volumes(&everything).await.err(),
            ),
            (
                Operation::ListNetworks,
                driver.list_networks(&everything).await.err(),
            ),
            (
                Operation::ImportImage,
                driver.import_image(&image, empty_archive.into()).await.err(),
            ),
            (Operation::RemoveImage, driver.remove_image(&image).await.err()),
        ];
        for (capability, error) in answers {
            let refused = error
                .as_ref()
                .is_some_and(|error| error.code() == "UNSUPPORTED_OPERATION");
            let declared = driver.capabilities().supports(capability);
            assert_eq!(declared, !refused, "{} {capability}: {error:?}", driver.name());
            assert!(
                !declared || error.is_none(),
                "{} {capability}: {error:?}",
                driver.name()
            );
        }
    }
}
