//! File names and symlinks that the engines treat differently, and error kinds.

use driver_interface_docker::DockerDriver;
use driver_interface_errors::{Effect, FileSystemErrorKind as Kind};
use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerInstance, ExecConfig, FileContent, ReadFileOptions,
    SecurityOptions, StopOptions, VolumeConfig, VolumeMount, VolumeOwner, WriteFile,
};

use super::engine::{Bench, on_each};
use super::files::{MIB, add, archive, kind, path, text, writable};

/// Returns a running and an exited container with the same files on the root and in a volume.
async fn in_each_state(bench: &Bench, made: &str) -> [ContainerInstance; 2] {
    let run = async |end: &str| {
        let name = format!("{}-{end}", bench.namespace);
        bench
            .driver
            .create_volume(&VolumeConfig::new(&name).owner(VolumeOwner::ROOT))
            .await
            .unwrap();
        let script =
            format!("for at in /root/g /vol/g; do mkdir -p $at; cd $at; {made}; done; echo ready; {end} 600");
        let config = bench
            .config(&script)
            .mount(VolumeMount::volume(&name, "/vol"))
            .security(SecurityOptions::default().read_only(false).user("0:0"));
        bench.run(&config).await
    };
    let (running, ended) = (run("sleep").await, run("true").await);
    bench.ready(&running).await;
    let ended = bench.until(&ended, |now| now.exit.is_some()).await;
    [running, ended]
}

async fn write(driver: &DockerDriver, id: &ContainerId, at: &str, content: &str) {
    let file = WriteFile::new(content.to_owned()).mode(0o644);
    driver.write_file(id, &path(at), file).await.unwrap();
}

#[test]
fn pattern_characters_in_names_are_literal() {
    on_each("pattern names", |bench| async move {
        let driver = &bench.driver;
        // Each name has a neighbour that it would match as a pattern.
        let names = [
            "[z]", "a*b", "a?b", "a\\\\b", "**", "[^a]", "d[x]/f", "-]", "it's",
        ];
        let quoted = names.map(|name| format!("\"{name}\""));
        let made = format!(
            "mkdir -p d[x] dx; for n in z axb ab b dx/f '[^a]x' t; do echo wrong > $n; done; \
             for n in {}; do printf '%s' \"$n\" > \"$n\"; done; ln -s '[z]' 'l[z]'; ln -s wrong lz; ln -s none 'l?'",
            quoted.join(" ")
        );
        for container in in_each_state(&bench, &made).await {
            let id = &container.id;
            for at in ["/root/g", "/vol/g"] {
                for name in names.map(|name| name.replace("\\\\", "\\")) {
                    let at = format!("{at}/{name}");
                    assert_eq!(text(driver, id, &at).await, name, "{at}");
                    let packed = driver.copy_from_container(id, &path(&at)).await.unwrap();
                    let packed = packed.read_all(MIB).await.unwrap();
                    let mut packed = tar::Archive::new(&*packed);
                    let entry = packed.entries().unwrap().next().unwrap().unwrap();
                    let wanted = path(&at).file_name().unwrap().to_owned();
                    assert_eq!(entry.path_bytes(), wanted.as_bytes(), "{at}");
                    write(driver, id, &at, "new").await;
                    assert_eq!(text(driver, id, &at).await, "new", "{at}");
                }
                assert_eq!(
                    text(driver, id, &format!("{at}/l[z]")).await,
                    "new",
                    "a link with such a name"
                );
                write(driver, id, &format!("{at}/l?"), "through").await;
                assert_eq!(text(driver, id, &format!("{at}/none")).await, "through");
                for name in ["z", "axb", "ab", "b", "dx/f"] {
                    assert_eq!(
                        text(driver, id, &format!("{at}/{name}")).await,
                        "wrong\n",
                        "{name}"
                    );
                }
                for name in ["[ab]", "[z", "a*", "?", "\\z", "d*/f"] {
                    let at = path(&format!("{at}/{name}"));
                    let error = driver
                        .read_file(id, &at, ReadFileOptions::default())
                        .await
                        .unwrap_err();
                    assert_eq!(kind(&error), Kind::NotFound, "{at}");
                    let error = driver.copy_from_container(id, &at).await.unwrap_err();
                    assert_eq!(kind(&error), Kind::NotFound, "{at}");
                }
                let mut builder = tar::Builder::new(Vec::new());
                add(&mut builder, "c*", b"copied");
                let folder = path(&format!("{at}/d[x]"));
                let copied = builder.into_inner().unwrap();
                driver
                    .copy_into_container(id, &folder, copied.into())
                    .await
                    .unwrap();
                assert_eq!(text(driver, id, &format!("{folder}/c*")).await, "copied");
            }
        }
    });
}

#[test]
fn files_are_written_through_symlinks() {
    on_each("written through links", |bench| async move {
        let driver = &bench.driver;
        let made = "mkdir -p dir; echo old > dir/file; ln -s dir/file near; ln -s $at/near chain; ln -s new dangling; \
                    ln -s $at/dir/far far; ln -s dangling2 twice; ln -s end dangling2; ln -s dir folder; \
                    ln -s folder/../above up; ln -s missing/file deep; ln -s loop loop";
        for container in in_each_state(&bench, made).await {
            let id = &container.id;
            for at in ["/root/g", "/vol/g"] {
                for (link, target) in [
                    ("near", "dir/file"),
                    ("chain", "dir/file"),
                    ("dangling", "new"),
                    ("far", "dir/far"),
                    ("twice", "end"),
                    ("folder/a", "dir/a"),
                    ("up", "above"),
                ] {
                    write(driver, id, &format!("{at}/{link}"), link).await;
                    assert_eq!(
                        text(driver, id, &format!("{at}/{target}")).await,
                        link,
                        "{at}/{link}"
                    );
                }
                let deep = || WriteFile::new("deep");
                let at_deep = path(&format!("{at}/deep"));
                let error = driver.write_file(id, &at_deep, deep()).await.unwrap_err();
                assert_eq!(kind(&error), Kind::NotFound);
                driver
                    .write_file(id, &at_deep, deep().create_parents(true))
                    .await
                    .unwrap();
                assert_eq!(text(driver, id, &format!("{at}/missing/file")).await, "deep");
                let packed = driver.copy_from_container(id, &path(at)).await.unwrap();
                let packed = packed.read_all(MIB).await.unwrap();
                let links = tar::Archive::new(&*packed)
                    .entries()
                    .unwrap()
                    .filter(|entry| entry.as_ref().unwrap().header().entry_type().is_symlink())
                    .count();
                assert_eq!(links, 10, "all of them are still links");
            }
        }
    });
}

#[test]
fn tmpfs_files_are_written_through_symlinks() {
    on_each("links in memory", |bench| async move {
        let driver = &bench.driver;
        let script = "cd /tmp; mkdir dir; ln -s dir/new near; ln -s /tmp/dir/far far; ln -s far twice; \
                      ln -s loop loop; ln -s none/file deep; echo ready; sleep 600";
        let made = bench.running(script).await;
        bench.ready(&made).await;
        let id = &made.id;
        for (link, target) in [("near", "dir/new"), ("far", "dir/far"), ("twice", "dir/far")] {
            write(driver, id, &format!("/tmp/{link}"), link).await;
            assert_eq!(text(driver, id, &format!("/tmp/{target}")).await, link);
        }
        for (at, wanted) in [("/tmp/loop", Kind::FilesystemLoop), ("/tmp/deep", Kind::NotFound)] {
            let error = driver
                .write_file(id, &path(at), WriteFile::new("x"))
                .await
                .unwrap_err();
            assert_eq!(kind(&error), wanted, "{at}");
        }
        let seen = driver
            .exec(
                id,
                ExecConfig::shell("cd /tmp; for at in near far twice; do readlink $at; done"),
            )
            .await
            .unwrap();
        assert_eq!(seen.stdout_text(), "dir/new\n/tmp/dir/far\nfar\n");
    });
}

#[test]
fn file_errors_have_the_same_kind_on_each_engine() {
    on_each("kinds", |bench| async move {
        let driver = &bench.driver;
        let id = writable(&bench, "true").await;
        let running = bench
            .run(
                &bench
                    .config("cd /tmp; ln -s loop loop; mkdir d; echo x > f; mkfifo p; echo ready; sleep 600")
                    .tmpfs("/small", 1),
            )
            .await;
        bench.ready(&running).await;
        driver
            .copy_into_container(&id, &path("/etc"), archive(&[("loop", "loop")]))
            .await
            .unwrap();
        write(driver, &id, "/etc/f", "x").await;
        driver
            .write_file(&id, &path("/etc/d/x"), WriteFile::new("").create_parents(true))
            .await
            .unwrap();
        let long = "n".repeat(256);
        for (id, at) in [(&id, "/etc"), (&running.id, "/tmp")] {
            for (name, wanted) in [
                ("none", Kind::NotFound),
                ("none/none", Kind::NotFound),
                ("d", Kind::IsADirectory),
                ("f/x", Kind::NotADirectory),
                ("loop", Kind::FilesystemLoop),
                (long.as_str(), Kind::InvalidFilename),
                ("p", Kind::InvalidInput),
            ] {
                if name == "p" && at == "/etc" {
                    continue;
                }
                let at = path(&format!("{at}/{name}"));
                let error = driver
                    .read_file(id, &at, ReadFileOptions::default())
                    .await
                    .unwrap_err();
                assert_eq!(
                    (kind(&error), error.effect()),
                    (wanted, Effect::NotApplied),
                    "{at}"
                );
                assert_eq!(error.is_not_found(), wanted == Kind::NotFound);
                let error = driver.read_file_stream(id, &at).await.unwrap_err();
                assert_eq!(kind(&error), wanted, "{at}");
                if !["none", "p"].contains(&name) {
                    let error = driver.write_file(id, &at, WriteFile::new("x")).await.unwrap_err();
                    assert_eq!(kind(&error), wanted, "writing {at}");
                }
                if !["d", "p"].contains(&name) {
                    let error = driver.copy_from_container(id, &at).await.unwrap_err();
                    assert_eq!(kind(&error), wanted, "packing {at}");
                    let error = driver
                        .copy_into_container(id, &at, archive(&[]))
                        .await
                        .unwrap_err();
                    assert_eq!(kind(&error), wanted, "unpacking into {at}");
                }
            }
            let at = |name: &str| path(&format!("{at}/{name}"));
            let error = driver
                .copy_into_container(id, &at("f"), archive(&[]))
                .await
                .unwrap_err();
            assert_eq!(kind(&error), Kind::NotADirectory);
            let error = driver
                .read_file(id, &at("f"), ReadFileOptions::limit(0))
                .await
                .unwrap_err();
            assert_eq!(kind(&error), Kind::FileTooLarge);
            let content = FileContent::stream(bytes::Bytes::from_static(b"four").into(), 5);
            let error = driver
                .write_file(id, &at("w"), WriteFile::new(content))
                .await
                .unwrap_err();
            assert_eq!(kind(&error), Kind::InvalidData);
            let broken = vec![7; 2048];
            let error = driver
                .copy_into_container(id, &at(""), broken.into())
                .await
                .unwrap_err();
            assert_eq!(kind(&error), Kind::InvalidData);
        }
        let mut builder = tar::Builder::new(Vec::new());
        add(&mut builder, "d", b"a file for a folder");
        let error = driver
            .copy_into_container(&id, &path("/etc"), builder.into_inner().unwrap().into())
            .await;
        assert_eq!(kind(&error.unwrap_err()), Kind::IsADirectory);
        let mut builder = tar::Builder::new(Vec::new());
        add(&mut builder, "f/x", b"below a file");
        let error = driver
            .copy_into_container(&id, &path("/etc"), builder.into_inner().unwrap().into())
            .await;
        assert_eq!(kind(&error.unwrap_err()), Kind::NotADirectory);
        let large = || WriteFile::new(vec![0; 2 * MIB]);
        let error = driver
            .write_file(&running.id, &path("/small/x"), large())
            .await
            .unwrap_err();
        assert_eq!(kind(&error), Kind::StorageFull);
        for (at, content) in [("/proc/1/comm", "sh\n"), ("/tmp/f", "x\n")] {
            let seen = text(driver, &running.id, at).await;
            assert!(
                seen == content || at.starts_with("/proc") && !seen.is_empty(),
                "{at}: {seen:?}"
            );
        }
        driver
            .stop_container(&running.id, StopOptions::kill())
            .await
            .unwrap();
        let error = driver
            .read_file_stream(&running.id, &path("/tmp/f"))
            .await
            .unwrap_err();
        assert!(
            error.to_string().starts_with("read_file_stream is not supported"),
            "{error}"
        );
    });
}
