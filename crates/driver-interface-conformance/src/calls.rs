//! A function that calls a given operation, for checks of behaviour that all operations share. A macro generates the
//! function from the contract's table of operations.

use std::time::Duration;

use driver_interface_types::{
    AttachSession, BuildOptions, ByteStream, Bytes, CommitOptions, ContainerConfig, ContainerDriver,
    ContainerFilter, ContainerId, ContainerPath, DriverStream, EventFilter, ExecConfig, ExecId, ExecSession,
    ImageFilter, ImageRef, LogOptions, LogStreamOptions, NetworkConfig, NetworkConnectOptions, NetworkId,
    Operation, PullOptions, PushOptions, ReadFileOptions, RemoveOptions, ResourceFilter, Result, Signal,
    StopOptions, VolumeConfig, VolumeId, WaitOptions, WriteFile, with_operations,
};
use tokio::io::AsyncReadExt;

/// A type of argument for which [`sample`](Self::sample) creates a valid value. If the value is the id, the name or
/// the config of a resource, the value contains the argument `name`.
trait Sample: Sized {
    fn sample(name: &str) -> Result<Self>;
}

macro_rules! samples {
    ($($Type:ty: |$name:pat_param| $value:expr;)+) => {
        $(impl Sample for $Type {
            fn sample($name: &str) -> Result<Self> {
                Ok($value)
            }
        })+
    };
}

samples! {
    ContainerConfig: |name| ContainerConfig::new("sample", "busybox").name(name);
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
    BuildOptions: |_| BuildOptions::from_dockerfile("FROM scratch\nLABEL sample=yes\n");
    PushOptions: |_| PushOptions::default();
    CommitOptions: |_| CommitOptions::default();
}

/// A stream or session that a call returns. [`drain`](Self::drain) consumes the value, and returns the first error.
trait Drain {
    async fn drain(self) -> Result<()>;
}

impl<T> Drain for DriverStream<T> {
    async fn drain(mut self) -> Result<()> {
        while let Some(item) = self.next().await {
            item?;
        }
        Ok(())
    }
}

impl Drain for ExecSession {
    async fn drain(mut self) -> Result<()> {
        // `wait` below returns errors of the output, too.
        let _ = self.stdout.read_to_end(&mut Vec::new()).await;
        self.wait().await.map(drop)
    }
}

impl Drain for AttachSession {
    /// Closes the session without reading its streams. The streams end only when the container exits, and the
    /// container may never exit.
    async fn drain(self) -> Result<()> {
        drop(self);
        Ok(())
    }
}

macro_rules! calls {
    ($($(#[$docs:meta])* $Operation:ident $method:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        /// Calls `operation` with valid arguments on resources named `name`. If the operation returns a stream, reads
        /// the stream to its end. For tests of behaviour that all operations share.
        ///
        /// ```
        /// use driver_interface_conformance::call;
        /// use driver_interface_mock::MockDockerDriver;
        /// use driver_interface_types::Operation;
        ///
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() {
        /// let driver = MockDockerDriver::new();
        /// assert!(call(&driver, Operation::ListContainers, "web").await.is_ok());
        /// assert!(call(&driver, Operation::StartContainer, "web").await.unwrap_err().is_not_found());
        /// # }
        /// ```
        ///
        /// # Errors
        /// The error of the operation. If the operation returns a stream, also an error of the stream.
        ///
        /// # Cancel safety
        /// The same as the cancel safety of the called operation.
        pub async fn call(driver: &dyn ContainerDriver, operation: Operation, name: &str) -> Result<()> {
            match operation {
                $(Operation::$Operation => {
                    $(let $lent = <$Lent as Sample>::sample(name)?;)*
                    $(let $given = <$Given as Sample>::sample(name)?;)*
                    let answer = driver.$method($(&$lent,)* $($given),*).await?;
                    calls!(@end $kind answer)
                })*
                unknown => Err(unknown.undeclared().into()),
            }
        }
    };
    (@end Stream $answer:ident) => { $answer.drain().await };
    (@end $kind:ident $answer:ident) => {{
        let _ = $answer;
        Ok(())
    }};
}

with_operations!(calls);
