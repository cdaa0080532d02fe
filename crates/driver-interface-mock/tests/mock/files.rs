//! Files of containers.

use std::time::Duration;

use driver_interface_errors::{DriverError, Effect, FileSystemErrorKind, SystemError, codes};
use driver_interface_types::{
    ByteStream, Bytes, ContainerConfig, ContainerDriver, ContainerId, ContainerPath, ExecConfig, FileContent,
    ReadFileOptions, SecurityOptions, StopOptions, TarStream, VolumeConfig, VolumeMount, WriteFile,
};

use super::support::{instant_driver, ready, script, server};

fn writable() -> ContainerConfig {
    server().security(SecurityOptions::default().read_only(false))
}

fn at(path: &str) -> ContainerPath {
    ContainerPath::new(path).unwrap()
}

async fn read(driver: &dyn ContainerDriver, id: &ContainerId, path: &str) -> String {
    let bytes = driver
        .read_file(id, &at(path), ReadFileOptions::default())
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn kind(error: &DriverError) -> FileSystemErrorKind {
    match error {
        DriverError::System(SystemError::FileSystem(error)) => error.kind(),
        other => panic!("no file system error: {other:?}"),
    }
}

async fn sh(driver: &dyn ContainerDriver, id: &ContainerId, line: &str) -> String {
    let output = driver.exec(id, ExecConfig::shell(line)).await.unwrap();
    format!("{}{}", output.stdout_text(), output.stderr_text())
}

#[tokio::test(start_paused = true)]
async fn files_are_copied_in_every_container_state() {
    let driver = instant_driver();
    let id = driver.create_container(&writable()).await.unwrap().id;
    driver
        .write_file(&id, &at("/srv/a"), WriteFile::new("created"))
        .await
        .unwrap();
    assert_eq!(read(&driver, &id, "/srv/a").await, "created");
    driver.start_container(&id).await.unwrap();
    assert_eq!(sh(&driver, &id, "cat /srv/a").await, "created");
    driver
        .write_file(&id, &at("/srv/a"), WriteFile::new("running"))
        .await
        .unwrap();
    assert_eq!(sh(&driver, &id, "cat /srv/a").await, "running");
    driver.stop_container(&id, StopOptions::default()).await.unwrap();
    assert_eq!(read(&driver, &id, "/srv/a").await, "running");
    driver
        .write_file(&id, &at("/srv/a"), WriteFile::new("ended"))
        .await
        .unwrap();
    driver.start_container(&id).await.unwrap();
    assert_eq!(sh(&driver, &id, "cat /srv/a").await, "ended");
}

#[tokio::test(start_paused = true)]
async fn owner_and_mode_are_applied_and_enforced() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let secret = WriteFile::new("secret").mode(0o600).owner(0, 0);
    driver.write_file(&id, &at("/srv/secret"), secret).await.unwrap();
    let own = WriteFile::new("mine").mode(0o640).create_parents(true);
    driver
        .write_file(&id, &at("/srv/deep/er/own"), own)
        .await
        .unwrap();
    assert_eq!(
        sh(&driver, &id, "stat -c '%a %u:%g' /srv/secret").await,
        "600 0:0\n"
    );
    assert_eq!(
        sh(&driver, &id, "stat -c '%a %u:%g %s' /srv/deep/er/own").await,
        "640 1000:1000 4\n"
    );
    assert_eq!(
        sh(&driver, &id, "stat -c '%a %u:%g' /srv/deep").await,
        "755 1000:1000\n"
    );
    assert!(
        sh(&driver, &id, "cat /srv/secret")
            .await
            .contains("Permission denied")
    );
    assert_eq!(
        sh(
            &driver,
            &id,
            "echo more >> /srv/deep/er/own; cat /srv/deep/er/own"
        )
        .await,
        "minemore\n"
    );
    assert_eq!(
        sh(
            &driver,
            &id,
            "chmod u=rwx,g=rx,o= /srv/deep/er/own; stat -c %A /srv/deep/er/own"
        )
        .await,
        "-rwxr-x---\n"
    );
}

#[tokio::test(start_paused = true)]
async fn impossible_operations_are_file_system_errors() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let write = async |path: &str, file| driver.write_file(&id, &at(path), file).await.unwrap_err().code();
    let read = async |path: &str, limit| {
        let options = ReadFileOptions::limit(limit);
        driver
            .read_file(&id, &at(path), options)
            .await
            .unwrap_err()
            .code()
    };
    assert_eq!(
        write("/none/such", WriteFile::new("")).await,
        codes::FILE_SYSTEM_ERROR
    );
    assert_eq!(write("/srv", WriteFile::new("")).await, codes::FILE_SYSTEM_ERROR);
    let short = FileContent::stream(ByteStream::from(Bytes::from_static(b"abc")), 4);
    assert_eq!(
        write("/srv/x", WriteFile::new(short)).await,
        codes::FILE_SYSTEM_ERROR
    );
    assert_eq!(read("/none", 10).await, codes::FILE_SYSTEM_ERROR);
    assert_eq!(read("/etc", 10).await, codes::FILE_SYSTEM_ERROR);
    assert_eq!(read("/etc/passwd", 3).await, codes::FILE_SYSTEM_ERROR);
    assert!(driver.read_file_stream(&id, &at("/none")).await.is_err());
    assert!(driver.copy_from_container(&id, &at("/none")).await.is_err());
    let nothing = || TarStream::from(vec![0; 1024]);
    assert!(
        driver
            .copy_into_container(&id, &at("/none"), nothing())
            .await
            .is_err()
    );
    assert!(
        driver
            .copy_into_container(&id, &at("/etc/passwd"), nothing())
            .await
            .is_err()
    );
    assert!(
        driver
            .copy_into_container(&id, &at("/srv"), TarStream::from(vec![7; 1024]))
            .await
            .is_err()
    );
    driver
        .copy_into_container(&id, &at("/srv"), nothing())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn read_only_root_still_allows_writing_to_mounts() {
    let driver = instant_driver();
    driver.create_volume(&VolumeConfig::new("data")).await.unwrap();
    let config = server().mount(VolumeMount::volume("data", "/data"));
    let id = ready(&driver, &config).await;
    for path in ["/srv/x", "/etc/passwd"] {
        let error = driver
            .write_file(&id, &at(path), WriteFile::new(""))
            .await
            .unwrap_err();
        assert_eq!(
            (kind(&error), error.effect()),
            (FileSystemErrorKind::ReadOnlyFilesystem, Effect::NotApplied)
        );
    }
    for path in ["/tmp/x", "/data/x"] {
        driver
            .write_file(&id, &at(path), WriteFile::new(path))
            .await
            .unwrap();
        assert_eq!(sh(&driver, &id, &format!("cat {path}")).await, path);
    }
    let full = driver
        .write_file(&id, &at("/tmp/large"), WriteFile::new(vec![0; 65 << 20]))
        .await
        .unwrap_err();
    assert_eq!(kind(&full), FileSystemErrorKind::StorageFull);
    let larger = WriteFile::new(vec![0; 65 << 20]);
    driver.write_file(&id, &at("/tmp/x"), larger).await.unwrap_err();
    assert_eq!(
        read(&driver, &id, "/tmp/x").await,
        "/tmp/x",
        "what was there stays"
    );
}

#[tokio::test(start_paused = true)]
async fn symlinks_stay_inside_the_container() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let created = "cd /tmp; ln -s ../../../../etc/passwd up; ln -s /tmp/up again; ln -s loop loop; readlink again; cat again | head -n 1";
    assert_eq!(
        sh(&driver, &id, created).await,
        "/tmp/up\nroot:x:0:0:root:/root:/bin/sh\n"
    );
    assert!(read(&driver, &id, "/tmp/again").await.starts_with("root:x:0:0"));
    assert!(
        driver
            .read_file(&id, &at("/tmp/loop"), ReadFileOptions::default())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn archive_round_trips() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let name = "n".repeat(150);
    let created = format!(
        "mkdir -p /tmp/t/sub; echo one > /tmp/t/one; echo two > /tmp/t/sub/{name}; chmod 700 /tmp/t/one; ln -s one /tmp/t/link"
    );
    assert_eq!(sh(&driver, &id, &created).await, "");
    let packed = driver
        .copy_from_container(&id, &at("/tmp/t"))
        .await
        .unwrap()
        .read_all(1 << 20)
        .await
        .unwrap();
    driver
        .write_file(&id, &at("/srv/new/x"), WriteFile::new("").create_parents(true))
        .await
        .unwrap();
    driver
        .copy_into_container(&id, &at("/srv/new"), TarStream::from(packed.clone()))
        .await
        .unwrap();
    let actual = format!("cat /srv/new/t/link /srv/new/t/sub/{name}; stat -c '%a %u' /srv/new/t/one");
    assert_eq!(sh(&driver, &id, &actual).await, "one\ntwo\n700 1000\n");
    let again = driver
        .copy_from_container(&id, &at("/srv/new/t"))
        .await
        .unwrap()
        .read_all(1 << 20)
        .await
        .unwrap();
    assert_eq!(again, packed);
}

#[tokio::test(start_paused = true)]
async fn large_files_are_copied() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let content = FileContent::stream(ByteStream::of_items(vec![piece; 100]), 100 << 20);
    driver
        .write_file(&id, &at("/srv/large"), WriteFile::new(content))
        .await
        .unwrap();
    let mut stream = driver.read_file_stream(&id, &at("/srv/large")).await.unwrap();
    let mut length = 0;
    while let Some(piece) = stream.next().await {
        length += piece.unwrap().len();
    }
    assert_eq!(length, 100 << 20);
}

#[tokio::test(start_paused = true)]
async fn tmpfs_is_limited_and_empty_at_each_start() {
    let driver = instant_driver();
    let config = script("echo ready; sleep 100")
        .tmpfs("/run", 1)
        .tmpfs("/tmp", 2)
        .shm_size(3);
    let id = ready(&driver, &config).await;
    for (directory, mib) in [("/run", 1), ("/tmp", 2), ("/dev/shm", 3)] {
        let fill =
            |bytes: u64| format!("head -c {bytes} /dev/zero > {directory}/x && echo fits; rm {directory}/x");
        assert_eq!(sh(&driver, &id, &fill(mib << 20)).await, "fits\n");
        assert!(
            sh(&driver, &id, &fill((mib << 20) + 1))
                .await
                .contains("No space")
        );
    }
    sh(&driver, &id, "echo kept > /run/kept").await;
    driver
        .stop_container(&id, StopOptions::kill_after(Duration::from_secs(1)))
        .await
        .unwrap();
    driver.start_container(&id).await.unwrap();
    assert_eq!(sh(&driver, &id, "ls /run").await, "");
}

#[tokio::test(start_paused = true)]
async fn each_failure_has_its_error_kind() {
    use FileSystemErrorKind as Kind;
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    sh(
        &driver,
        &id,
        "cd /tmp; ln -s loop loop; mkdir full; echo x > full/x",
    )
    .await;
    let long = format!("/tmp/{}", "n".repeat(256));
    for (path, expected) in [
        ("/tmp/none", Kind::NotFound),
        ("/none/none", Kind::NotFound),
        ("/tmp", Kind::IsADirectory),
        ("/etc/passwd/x", Kind::NotADirectory),
        ("/tmp/loop", Kind::FilesystemLoop),
        (long.as_str(), Kind::InvalidFilename),
    ] {
        let error = driver
            .read_file(&id, &at(path), ReadFileOptions::default())
            .await
            .unwrap_err();
        assert_eq!(
            (kind(&error), error.effect()),
            (expected, Effect::NotApplied),
            "{path}"
        );
        assert_eq!(error.is_not_found(), expected == Kind::NotFound);
        if path != "/tmp/none" {
            let error = driver
                .write_file(&id, &at(path), WriteFile::new("x"))
                .await
                .unwrap_err();
            assert_eq!(kind(&error), expected, "{path}");
        }
        if path != "/tmp" {
            let error = driver.copy_from_container(&id, &at(path)).await.unwrap_err();
            assert_eq!(kind(&error), expected, "{path}");
            let error = driver
                .copy_into_container(&id, &at(path), vec![0; 1024].into())
                .await
                .unwrap_err();
            assert_eq!(kind(&error), expected, "{path}");
        }
    }
    let error = driver
        .read_file(&id, &at("/etc/passwd"), ReadFileOptions::limit(3))
        .await
        .unwrap_err();
    assert_eq!(kind(&error), Kind::FileTooLarge);
}

#[tokio::test(start_paused = true)]
async fn files_are_written_through_symlinks_even_dangling() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let created = "cd /tmp; mkdir dir; echo old > dir/file; ln -s dir/file near; ln -s /tmp/near chain; \
                ln -s new dangling; ln -s /tmp/dir/far far; ln -s dir linked; ln -s missing/file deep";
    sh(&driver, &id, created).await;
    for (link, target) in [
        ("near", "dir/file"),
        ("chain", "dir/file"),
        ("dangling", "new"),
        ("far", "dir/far"),
        ("linked/a", "dir/a"),
    ] {
        let path = at(&format!("/tmp/{link}"));
        driver.write_file(&id, &path, WriteFile::new(link)).await.unwrap();
        assert_eq!(read(&driver, &id, &format!("/tmp/{target}")).await, link);
    }
    let deep = || WriteFile::new("deep");
    let error = driver
        .write_file(&id, &at("/tmp/deep"), deep())
        .await
        .unwrap_err();
    assert_eq!(kind(&error), FileSystemErrorKind::NotFound);
    driver
        .write_file(&id, &at("/tmp/deep"), deep().create_parents(true))
        .await
        .unwrap();
    let links = sh(
        &driver,
        &id,
        "cd /tmp; cat missing/file; readlink near chain dangling far linked deep",
    )
    .await;
    assert!(links.starts_with("deep"), "{links}");
    for link in ["near", "chain", "dangling", "far", "linked", "deep"] {
        let actual = sh(&driver, &id, &format!("test -h /tmp/{link} && echo link")).await;
        assert_eq!(actual, "link\n", "{link}");
    }
}

#[tokio::test(start_paused = true)]
async fn directory_listing_shows_modes() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let created = "cd /tmp; mkdir a; mkdir -m 700 b; chmod 750 a; mkdir c; chmod g+s c; ln -s a l";
    assert_eq!(sh(&driver, &id, created).await, "");
    assert_eq!(
        sh(&driver, &id, "ls -l /tmp; stat -c '%n %a %u' /tmp/l").await,
        "drwxr-x---    2 1000     1000          4096 a\n\
         drwx------    2 1000     1000          4096 b\n\
         drwxr-sr-x    2 1000     1000          4096 c\n\
         lrwxrwxrwx    1 1000     1000             1 l -> a\n\
         /tmp/l 777 1000\n"
    );
    let root = sh(&driver, &id, "ls -l /").await;
    assert!(root.lines().all(|line| line.starts_with("drwx")), "{root}");
    assert!(
        root.contains("drwxrwxrwt    2 0        0             4096 tmp\n"),
        "{root}"
    );
}

#[tokio::test(start_paused = true)]
async fn hard_links_and_long_names_are_unpacked() {
    let driver = instant_driver();
    let id = ready(&driver, &writable()).await;
    let long = format!("{}/{}", "d".repeat(200), "n".repeat(200));
    let pax = format!("path={long}\n");
    let pax = format!("{} {pax}", pax.len() + 4);
    let mut archive = Vec::new();
    // A long name in GNU format, one in pax format, and links to both.
    archive.extend(entry("././@LongLink", b'L', long.as_bytes(), ""));
    archive.extend(entry("cut", b'0', b"gnu", ""));
    archive.extend(entry("././@LongLink", b'K', long.as_bytes(), ""));
    archive.extend(entry("hard", b'1', b"", "cut"));
    archive.extend(entry("pax", b'x', pax.replace("nnn\n", "nnx\n").as_bytes(), ""));
    archive.extend(entry("cut", b'0', b"pax", ""));
    archive.extend(entry("././@LongLink", b'K', long.as_bytes(), ""));
    archive.extend(entry("soft", b'2', b"", "cut"));
    archive.extend([0; 1024]);
    driver
        .copy_into_container(&id, &at("/srv"), archive.into())
        .await
        .unwrap();
    let pax = format!("{}x", long.strip_suffix('n').unwrap());
    for (path, content) in [
        (long.as_str(), "gnu"),
        ("hard", "gnu"),
        ("soft", "gnu"),
        (pax.as_str(), "pax"),
    ] {
        assert_eq!(
            read(&driver, &id, &format!("/srv/{path}")).await,
            content,
            "{path}"
        );
    }
    let packed = driver.copy_from_container(&id, &at("/srv")).await.unwrap();
    let packed = packed.read_all(1 << 20).await.unwrap();
    let again = ready(&driver, &writable()).await;
    driver
        .copy_into_container(&again, &at("/"), packed.into())
        .await
        .unwrap();
    assert_eq!(read(&driver, &again, &format!("/srv/{long}")).await, "gnu");
}

/// Returns one entry of an archive.
fn entry(name: &str, kind: u8, content: &[u8], link: &str) -> Vec<u8> {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644");
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{:011o}", content.len()).as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar  ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut all = block.to_vec();
    all.extend(content);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}
