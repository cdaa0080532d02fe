//! Files on tmpfs mounts, which on Docker only the container's processes can access.

use driver_interface_errors::FileSystemErrorKind;
use driver_interface_types::{
    ByteStream, Bytes, ContainerDriver, ExecConfig, ExecOutcome, FileContent, ReadFileOptions,
    SecurityOptions, StopOptions, WriteFile,
};

use super::engine::on_each;
use super::files::{MIB, add, archive, code, kind, link, noise, path, plain, text};
use super::memory::Rise;

/// Returns a checksum and the length of a stream.
async fn sum(mut stream: ByteStream) -> (u64, usize) {
    let (mut sum, mut length) = (0u64, 0);
    while let Some(piece) = stream.next().await {
        let piece = piece.unwrap();
        for (at, byte) in (length..).zip(&piece) {
            // The checksum depends on byte positions, not on chunk boundaries.
            sum = sum.wrapping_add((at as u64 | 1).wrapping_mul(u64::from(*byte) + 1));
        }
        length += piece.len();
    }
    (sum, length)
}

#[test]
fn reads_and_writes_files_on_tmpfs() {
    on_each("in memory", |bench| async move {
        let driver = &bench.driver;
        let script = "mkdir /tmp/own; echo mine > /tmp/own/a; ln -s own/a /tmp/link; echo ready; sleep 600";
        let made = bench.running(script).await;
        bench.ready(&made).await;
        let id = &made.id;
        let options = ReadFileOptions::default;
        assert_eq!(text(driver, id, "/tmp/link").await, "mine\n");
        for (at, content) in [("/tmp/file", "one"), ("/tmp/file", "another"), ("/tmp/empty", "")] {
            driver
                .write_file(id, &path(at), WriteFile::new(content))
                .await
                .unwrap();
            assert_eq!(text(driver, id, at).await, content);
        }
        let deep = || WriteFile::new("deep").mode(0o600).owner(12, 34);
        let at = path("/tmp/a/b/it's \u{e9}");
        assert_eq!(
            code(driver.write_file(id, &at, deep())).await,
            "FILE_SYSTEM_ERROR"
        );
        driver
            .write_file(id, &at, deep().create_parents(true))
            .await
            .unwrap();
        let listed = "cd /tmp; stat -c '%n %a %u:%g' a a/b a/b/* file; ls -a | grep -c part";
        let listed = driver.exec(id, ExecConfig::shell(listed)).await.unwrap();
        assert_eq!(
            listed.stdout_text(),
            "a 755 12:34\na/b 755 12:34\na/b/it's \u{e9} 600 12:34\nfile 644 1000:1000\n0\n"
        );
        for at in ["/tmp/nonesuch", "/tmp", "/tmp/own", "/tmp/file/x"] {
            assert_eq!(
                code(driver.read_file(id, &path(at), options())).await,
                "FILE_SYSTEM_ERROR",
                "{at}"
            );
        }
        assert_eq!(
            code(driver.write_file(id, &path("/tmp/own"), WriteFile::new("x"))).await,
            "FILE_SYSTEM_ERROR"
        );
        assert_eq!(
            code(driver.read_file(id, &path("/tmp/file"), ReadFileOptions::limit(6))).await,
            "FILE_SYSTEM_ERROR"
        );
        assert_eq!(
            driver
                .read_file(id, &path("/tmp/file"), ReadFileOptions::limit(7))
                .await
                .unwrap(),
            "another"
        );
        // Content of the wrong length leaves no file.
        for length in [3, 5] {
            let content = FileContent::stream(Bytes::from_static(b"four").into(), length);
            assert_eq!(
                code(driver.write_file(id, &path("/tmp/wrong"), WriteFile::new(content))).await,
                "FILE_SYSTEM_ERROR"
            );
        }
        let gone =
            "for i in 1 2 3 4 5 6 7 8 9; do ls -a /tmp | grep part || break; sleep 1; done; ls /tmp/wrong";
        let gone = driver.exec(id, ExecConfig::shell(gone)).await.unwrap();
        assert_eq!(gone.outcome, ExecOutcome::Exited(1), "{gone:?}");
        driver.stop_container(id, StopOptions::kill()).await.unwrap();
        assert_eq!(
            code(driver.read_file(id, &path("/tmp/file"), options())).await,
            "UNSUPPORTED_OPERATION"
        );
        assert_eq!(
            code(driver.write_file(id, &path("/tmp/file"), WriteFile::new("x"))).await,
            "UNSUPPORTED_OPERATION"
        );
    });
}

#[test]
fn private_tmpfs_directory_rejects_others() {
    on_each("private_tmpfs_directory_rejects_others", |bench| async move {
        let driver = &bench.driver;
        let script = "mkdir -m 700 /tmp/own; echo mine > /tmp/own/a; echo ready; sleep 600";
        let made = bench
            .run(
                &bench
                    .config(script)
                    .security(SecurityOptions::default().user("1234:1234")),
            )
            .await;
        bench.ready(&made).await;
        assert_eq!(text(driver, &made.id, "/tmp/own/a").await, "mine\n");
        driver
            .write_file(&made.id, &path("/tmp/own/b"), WriteFile::new("x"))
            .await
            .unwrap();
        let other = driver
            .write_file(&made.id, &path("/tmp/own/c"), WriteFile::new("x").owner(7, 7))
            .await;
        match other {
            // Podman writes as the engine.
            Ok(()) => assert_eq!(text(driver, &made.id, "/tmp/own/c").await, "x"),
            Err(error) => {
                assert_eq!(kind(&error), FileSystemErrorKind::PermissionDenied);
                assert!(error.to_string().contains("7:7"), "{error}");
            }
        }
    });
}

#[test]
fn large_tmpfs_files_are_copied_in_bounded_memory() {
    on_each("large in memory", |bench| async move {
        let driver = &bench.driver;
        let made = bench
            .run(
                &bench
                    .config("echo ready; sleep 600")
                    .tmpfs("/big", 128)
                    .memory(512),
            )
            .await;
        bench.ready(&made).await;
        let id = &made.id;
        let rise = Rise::measured();
        let file = WriteFile::new(FileContent::stream(noise(100), (100 * MIB) as u64));
        driver.write_file(id, &path("/big/file"), file).await.unwrap();
        let stream = driver.read_file_stream(id, &path("/big/file")).await.unwrap();
        assert_eq!(sum(stream).await, sum(noise(100)).await);
        let stream = driver.copy_from_container(id, &path("/big/file")).await.unwrap();
        assert!(sum(stream).await.1 > 100 * MIB);
        let used = rise.kib();
        assert!(used < 32 * 1024, "{used} KiB");
        let full = WriteFile::new(FileContent::stream(noise(100), (100 * MIB) as u64));
        assert_eq!(
            code(driver.write_file(id, &path("/big/more"), full)).await,
            "FILE_SYSTEM_ERROR"
        );
        // Dropping the stream ends its reader in the container.
        drop(driver.read_file_stream(id, &path("/big/file")).await.unwrap());
        let mut builder = tar::Builder::new(Vec::new());
        add(&mut builder, "tree/a", b"one");
        link(&mut builder, "tree/link", "a");
        let tree = builder.into_inner().unwrap();
        driver
            .copy_into_container(id, &path("/tmp"), tree.into())
            .await
            .unwrap();
        assert_eq!(text(driver, id, "/tmp/tree/link").await, "one");
        let back = driver.copy_from_container(id, &path("/tmp/tree")).await.unwrap();
        let back = back.read_all(MIB).await.unwrap();
        let names: Vec<String> = tar::Archive::new(&*back)
            .entries()
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .trim_end_matches('/')
                    .to_owned()
            })
            .collect();
        assert!(
            names.iter().any(|name| name == "tree/a") && names[0] == "tree",
            "{names:?}"
        );
        let cut = plain("whole", &[7; 3000])[..1500].to_vec();
        assert_eq!(
            code(driver.copy_into_container(id, &path("/tmp"), cut.into())).await,
            "FILE_SYSTEM_ERROR"
        );
        assert_eq!(
            code(driver.copy_into_container(id, &path("/tmp/nonesuch"), archive(&[]))).await,
            "FILE_SYSTEM_ERROR"
        );
    });
}
