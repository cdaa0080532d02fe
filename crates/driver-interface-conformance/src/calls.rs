//! A call of any operation, for checks of what all operations have in common. It is generated from the contract's
//! table of operations.

use std::time::Duration;

use driver_interface_types::{
    ByteStream, Bytes, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerPath,
    DriverError, EventFilter, ExecConfig, ExecId, ImageFilter, ImageRef, LogOptions, LogStreamOptions,
    NetworkConfig, NetworkConnectOptions, NetworkId, Operation, PullOptions, ReadFileOptions, RemoveOptions,
    ResourceFilter, Signal, StopOptions, VolumeConfig, VolumeId, WaitOptions, WriteFile, with_operations,
};

use crate::CheckResult;

/// A valid argument of a call. Arguments that identify a resource have the given name.
trait Sample: Sized {
    fn sample(name: &str) -> CheckResult<Self>;
}

macro_rules! samples {
    ($($Type:ty: |$name:pat_param| $value:expr;)+) => {
        $(impl Sample for $Type {
            fn sample($name: &str) -> CheckResult<Self> {
                Ok($value)
            }
        })+
    };
}

samples! {
    ContainerConfig: |name| ContainerConfig::new(name, "busybox");
    VolumeConfig: |name| VolumeConfig::new(name);
    NetworkConfig: |name| NetworkConfig::new(name);
    ContainerId: |name| ContainerId::new(name)?;
    VolumeId: |name| VolumeId::new(name)?;
    NetworkId: |name| NetworkId::new(name)?;
    ExecId: |name| ExecId::new(name)?;
    ImageRef: |name| ImageRef::new(format!("localhost/{name}:none"))?;
    ContainerPath: |_| ContainerPath::new("/etc/passwd")?;
    ContainerFilter: |_| ContainerFilter::default();
    ResourceFilter: |_| ResourceFilter::default();
    ImageFilter: |_| ImageFilter::default();
    EventFilter: |_| EventFilter::default();
    StopOptions: |_| StopOptions::default();
    RemoveOptions: |_| RemoveOptions::default();
    LogOptions: |_| LogOptions::default();
    LogStreamOptions: |_| LogStreamOptions::default();
    ReadFileOptions: |_| ReadFileOptions::default();
    PullOptions: |_| PullOptions::default();
    NetworkConnectOptions: |_| NetworkConnectOptions::default();
    WaitOptions: |_| WaitOptions::at_most(Duration::from_secs(20));
    ExecConfig: |_| ExecConfig::new(["true"]);
    Signal: |_| Signal::TERM;
    WriteFile: |_| WriteFile::new("x");
    Bytes: |_| Bytes::new();
    ByteStream: |_| vec![0; 1024].into();
}

macro_rules! calls {
    ($($(#[$docs:meta])* $Operation:ident $method:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        /// Calls an operation with valid arguments on a resource of that name, and returns its error.
        pub(crate) async fn call(
            driver: &dyn ContainerDriver,
            operation: Operation,
            name: &str,
        ) -> CheckResult<Option<DriverError>> {
            match operation {
                $(Operation::$Operation => {
                    $(let $lent = <$Lent as Sample>::sample(name)?;)*
                    $(let $given = <$Given as Sample>::sample(name)?;)*
                    Ok(driver.$method($(&$lent,)* $($given),*).await.err())
                })*
                unknown => unreachable_operation(unknown),
            }
        }
    };
}

with_operations!(calls);

fn unreachable_operation<T>(operation: Operation) -> CheckResult<T> {
    Err(crate::Verdict::Broken(format!("no sample call of {operation}")))
}
