//! Copying files and archives into and out of containers.

use driver_interface_docker::DockerDriver;
use driver_interface_errors::{DriverError, Effect, FileSystemErrorKind, SystemError};
use driver_interface_types::{
    ByteStream, Bytes, ContainerDriver, ContainerId, ContainerPath, FileContent, ReadFileOptions,
    SecurityOptions, TarStream, VolumeConfig, VolumeMount, WriteFile,
};

use super::engine::{Bench, on_each};
use super::memory::Rise;

pub(crate) const MIB: usize = 1024 * 1024;

pub(crate) fn path(text: &str) -> ContainerPath {
    ContainerPath::new(text).unwrap()
}

pub(crate) async fn writable(bench: &Bench, script: &str) -> ContainerId {
    let config = bench
        .config(script)
        .security(SecurityOptions::default().read_only(false));
    bench.driver.create_container(&config).await.unwrap().id
}

pub(crate) async fn text(driver: &DockerDriver, id: &ContainerId, at: &str) -> String {
    let read = driver
        .read_file(id, &path(at), ReadFileOptions::default())
        .await
        .unwrap();
    String::from_utf8(read.to_vec()).unwrap()
}

pub(crate) fn kind(error: &DriverError) -> FileSystemErrorKind {
    match error {
        DriverError::System(SystemError::FileSystem(error)) => error.kind(),
        other => panic!("no file system error: {other:?}"),
    }
}

pub(crate) async fn code<T: std::fmt::Debug>(
    call: impl Future<Output = driver_interface_types::Result<T>>,
) -> String {
    call.await.unwrap_err().code().to_owned()
}

#[test]
fn file_owner_is_the_container_user() {
    on_each("owner", |bench| async move {
        let id = writable(&bench, "stat -c '%a %u:%g' /x").await;
        bench
            .driver
            .write_file(&id, &path("/x"), WriteFile::new("x"))
            .await
            .unwrap();
        bench.driver.start_container(&id).await.unwrap();
        let made = bench.driver.get_container(&id).await.unwrap().unwrap();
        bench.until(&made, |now| now.exit.is_some()).await;
        let logs = bench
            .driver
            .get_container_logs(&id, Default::default())
            .await
            .unwrap();
        assert_eq!(logs, "644 1000:1000\n");
    });
}

#[test]
fn symlinks_resolve_inside_the_container() {
    on_each("links", |bench| async move {
        let driver = &bench.driver;
        let id = writable(&bench, "true").await;
        let links = archive(&[("out", "/etc/passwd"), ("dir", "../../../etc"), ("loop", "loop")]);
        driver
            .copy_into_container(&id, &path("/etc"), links)
            .await
            .unwrap();
        let passwd = text(driver, &id, "/etc/passwd").await;
        assert_eq!(text(driver, &id, "/etc/out").await, passwd);
        assert_eq!(text(driver, &id, "/etc/dir/passwd").await, passwd);
        driver
            .write_file(&id, &path("/etc/dir/new"), WriteFile::new("inside"))
            .await
            .unwrap();
        assert_eq!(text(driver, &id, "/etc/new").await, "inside");
        assert!(!std::path::Path::new("/etc/new").exists());
        let packed = driver.copy_from_container(&id, &path("/etc/out")).await.unwrap();
        let packed = packed.read_all(MIB).await.unwrap();
        let mut packed = tar::Archive::new(&*packed);
        let entry = packed.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str().unwrap(), "out");
        assert_eq!(
            code(driver.read_file(&id, &path("/etc/loop"), ReadFileOptions::default())).await,
            "FILE_SYSTEM_ERROR"
        );
    });
}

#[test]
fn read_only_root_accepts_files_only_in_volumes() {
    on_each("read-only root", |bench| async move {
        let driver = &bench.driver;
        let name = format!("{}-v", bench.namespace);
        driver.create_volume(&VolumeConfig::new(&name)).await.unwrap();
        let config = bench.config("true").mount(VolumeMount::volume(&name, "/data"));
        let id = driver.create_container(&config).await.unwrap().id;
        let file = || WriteFile::new("x").create_parents(true);
        let errors = [
            driver.write_file(&id, &path("/srv/x"), file()).await.unwrap_err(),
            driver
                .copy_into_container(&id, &path("/etc"), archive(&[]))
                .await
                .unwrap_err(),
        ];
        for error in errors {
            assert_eq!(
                (kind(&error), error.effect()),
                (FileSystemErrorKind::ReadOnlyFilesystem, Effect::NotApplied)
            );
        }
        let error = driver.write_file(&id, &path("/tmp/x"), file()).await.unwrap_err();
        assert!(
            error.to_string().starts_with("write_file is not supported"),
            "{error}"
        );
        assert_eq!(
            code(driver.write_file(&id, &path("/tmp/x"), WriteFile::new("x"))).await,
            "UNSUPPORTED_OPERATION"
        );
        driver
            .write_file(&id, &path("/data/x"), WriteFile::new("kept"))
            .await
            .unwrap();
        assert_eq!(text(driver, &id, "/data/x").await, "kept");
    });
}

#[test]
fn large_files_are_copied_in_bounded_memory() {
    on_each("large files", |bench| async move {
        let driver = &bench.driver;
        let id = writable(&bench, "true").await;
        let rise = Rise::measured();
        let file = WriteFile::new(FileContent::stream(noise(100), (100 * MIB) as u64)).create_parents(true);
        driver
            .write_file(&id, &path("/srv/deep/big"), file)
            .await
            .unwrap();
        let mut stream = driver
            .read_file_stream(&id, &path("/srv/deep/big"))
            .await
            .unwrap();
        let (mut wanted, mut at) = (Vec::new(), 0usize);
        let mut source = noise(100);
        while let Some(piece) = stream.next().await {
            let piece = piece.unwrap();
            while wanted.len() < piece.len() {
                wanted.extend_from_slice(&source.next().await.unwrap().unwrap());
            }
            assert!(piece == wanted[..piece.len()], "differs near {at}");
            wanted.drain(..piece.len());
            at += piece.len();
        }
        assert_eq!(at, 100 * MIB);
        // Copy to another container: the engine locks a container while its archive is read.
        let other = writable(&bench, "true").await;
        let back = driver.copy_from_container(&id, &path("/srv/deep")).await.unwrap();
        driver
            .copy_into_container(&other, &path("/"), back)
            .await
            .unwrap();
        let used = rise.kib();
        println!("peak of client memory: {} KiB more", used);
        assert!(used < 32 * 1024, "{used} KiB");
        let copy = driver
            .read_file(&other, &path("/deep/big"), ReadFileOptions::limit(100 * MIB))
            .await
            .unwrap();
        assert_eq!(copy.len(), 100 * MIB);
    });
}

/// Returns this many mebibytes of non-repeating content.
pub(crate) fn noise(mib: usize) -> ByteStream {
    ByteStream::of_items((0..mib * 16).map(|piece| {
        let mut state = piece as u64 + 1;
        let next = move |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        Bytes::from_iter((0..64 * 1024).map(next))
    }))
}

pub(crate) fn archive(links: &[(&str, &str)]) -> TarStream {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, target) in links {
        link(&mut builder, name, target);
    }
    builder.into_inner().unwrap().into()
}

pub(crate) fn link(builder: &mut tar::Builder<Vec<u8>>, name: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    builder.append_link(&mut header, name, target).unwrap();
}

pub(crate) fn add(builder: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content).unwrap();
}

/// Returns an archive of one file whose name the `tar` crate would refuse.
pub(crate) fn plain(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}
