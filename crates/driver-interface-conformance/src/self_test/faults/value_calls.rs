//! Faults in which call arguments are truncated, trimmed, expanded as globs, or left over from an earlier call.

use std::time::Duration;

use bytes::Bytes;
use driver_interface_types::{
    ContainerDriver as _, ContainerId, ContainerPath, ExecConfig, ExecOutput, FileOwner, LogOptions,
    ReadFileOptions, Result, TarStream, WriteFile,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::values::{cut, trim};
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Command, CopyFromContainer, CopyIntoContainer, Exec, ExecDetached, ExecStream, GetContainerLogs,
    ReadFile, ReadFileStream, StreamContainerLogs, WriteFile as Write,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "exec-arguments-cut-at-newlines",
        "An exec's arguments are cut at their first newline.",
        &[Exec(|inside, id, mut config| {
            config.argv.iter_mut().for_each(cut);
            inside.driver.exec(id, config)
        })],
        &["values/exec"],
    ),
    Fault::new(
        "exec-variables-cut-at-newlines",
        "Values of an exec's variables are cut at their first newline.",
        &[Exec(|inside, id, mut config| {
            config.env.values_mut().for_each(cut);
            inside.driver.exec(id, config)
        })],
        &["values/exec"],
    ),
    Fault::new(
        "exec-input-trimmed",
        "The input of an exec is trimmed.",
        &[Command(|config| {
            config.stdin = config
                .stdin
                .take()
                .map(|input| String::from_utf8_lossy(&input).trim().to_owned().into());
        })],
        &["values/exec"],
    ),
    Fault::new(
        "exec-session-arguments-trimmed",
        "An exec session's arguments are trimmed.",
        &[ExecStream(|inside, id, mut config| {
            config.argv.iter_mut().for_each(trim);
            inside.driver.exec_stream(id, config)
        })],
        &["values/exec"],
    ),
    Fault::new(
        "exec-session-variables-cut-at-newlines",
        "Values of an exec session's variables are cut at their first newline.",
        &[ExecStream(|inside, id, mut config| {
            config.env.values_mut().for_each(cut);
            inside.driver.exec_stream(id, config)
        })],
        &["values/exec"],
    ),
    Fault::new(
        "detached-exec-arguments-trimmed",
        "A detached exec's arguments are trimmed.",
        &[ExecDetached(|inside, id, mut config| {
            config.argv.iter_mut().for_each(trim);
            inside.driver.exec_detached(id, config)
        })],
        &["values/exec"],
    ),
    Fault::new(
        "detached-exec-variables-trimmed",
        "Values of a detached exec's variables are trimmed.",
        &[ExecDetached(|inside, id, mut config| {
            config.env.values_mut().for_each(trim);
            inside.driver.exec_detached(id, config)
        })],
        &["values/exec"],
    ),
    Fault::new(
        "written-names-trimmed",
        "Files are written under trimmed names.",
        &[Write(|inside, id, path, file| {
            async move {
                let mut name = path.as_str().to_owned();
                trim(&mut name);
                inside
                    .driver
                    .write_file(id, &ContainerPath::new(name)?, file)
                    .await
            }
            .boxed()
        })],
        &["values/file-names"],
    ),
    Fault::new(
        "written-names-lower-cased",
        "Files are written under lower-cased names.",
        &[Write(|inside, id, path, file| {
            async move {
                let name = path.as_str().to_lowercase();
                inside
                    .driver
                    .write_file(id, &ContainerPath::new(name)?, file)
                    .await
            }
            .boxed()
        })],
        &["values/file-names"],
    ),
    Fault::new(
        "read-names-expand-globs",
        "The name of a file to read is expanded as a glob pattern.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                let found = ContainerPath::new(path.as_str().replace("[z]", "z"))?;
                inside.driver.read_file(id, &found, options).await
            }
            .boxed()
        })],
        &["values/file-names"],
    ),
    Fault::new(
        "streamed-names-expand-globs",
        "The name of a file to read as a stream is expanded as a glob pattern.",
        &[ReadFileStream(|inside, id, path| {
            async move {
                let found = ContainerPath::new(path.as_str().replace("[z]", "z"))?;
                inside.driver.read_file_stream(id, &found).await
            }
            .boxed()
        })],
        &["values/file-names"],
    ),
    Fault::new(
        "read-content-loses-carriage-returns",
        "Carriage returns of a file that is read are dropped.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                let content = inside.driver.read_file(id, path, options).await?;
                Ok(String::from_utf8_lossy(&content).replace("\r\n", "\n").into())
            }
            .boxed()
        })],
        &["values/file-names"],
    ),
    Fault::new(
        "packed-names-lose-backslashes",
        "Backslashes in the names of a packed archive become slashes.",
        &[CopyFromContainer(|inside, id, path| {
            async move {
                let archive = inside.driver.copy_from_container(id, path).await?;
                repacked(archive, |entry| entry.name = entry.name.replace('\\', "/")).await
            }
            .boxed()
        })],
        &["values/archive-names"],
    ),
    Fault::new(
        "unpacked-names-trimmed",
        "Names of unpacked files are trimmed.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let archive = repacked(archive, |entry| trim(&mut entry.name)).await?;
                inside.driver.copy_into_container(id, directory, archive).await
            }
            .boxed()
        })],
        &["values/archive-names"],
    ),
    Fault::new(
        "unpacked-names-lower-cased",
        "Names of unpacked files are lower-cased.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let archive = repacked(archive, |entry| entry.name = entry.name.to_lowercase()).await?;
                inside.driver.copy_into_container(id, directory, archive).await
            }
            .boxed()
        })],
        &["values/archive-names"],
    ),
    Fault::new(
        "exec-keeps-variables",
        "An exec also has the variables of the previous one.",
        &[Exec(|inside, id, mut config| {
            async move {
                match config.env.get("MARK") {
                    Some(mark) => drop(inside.memory.note(&format!("mark {mark}"))),
                    None => config.env.extend(
                        inside
                            .memory
                            .latest("mark ")
                            .map(|mark| ("MARK".to_owned(), mark)),
                    ),
                }
                inside.driver.exec(id, config).await
            }
            .boxed()
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "exec-keeps-directory",
        "An exec runs in the directory of the previous one.",
        &[Exec(|inside, id, mut config| {
            config.working_dir = kept(inside, "directory ", config.working_dir);
            inside.driver.exec(id, config)
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "exec-keeps-user",
        "An exec runs as the user of the previous one.",
        &[Exec(|inside, id, mut config| {
            config.user = kept(inside, "user ", config.user);
            inside.driver.exec(id, config)
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "exec-keeps-timeout",
        "An exec has the timeout of the previous one.",
        &[Exec(|inside, id, mut config| {
            let millis = config.timeout.map(|timeout| timeout.as_millis().to_string());
            let millis = kept(inside, "timeout ", millis).and_then(|millis| millis.parse().ok());
            config.timeout = millis.map(Duration::from_millis);
            inside.driver.exec(id, config)
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "exec-keeps-output-limit",
        "An exec has the output limit of the previous one.",
        &[Exec(|inside, id, mut config| {
            let own = Some(config.output_limit).filter(|limit| *limit != ExecConfig::DEFAULT_OUTPUT_LIMIT);
            let kept = kept(inside, "limit ", own.map(|limit| limit.to_string()));
            config.output_limit = kept
                .and_then(|limit| limit.parse().ok())
                .unwrap_or(config.output_limit);
            inside.driver.exec(id, config)
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "concurrent-execs-share-input",
        "Concurrent execs read the input of the latest.",
        &[Exec(|inside, id, config| {
            latest_input(inside, id, config).boxed()
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "logs-keep-tail",
        "Logs have the `tail` of the previous call.",
        &[GetContainerLogs(|inside, id, options| {
            let options = with_last_tail(inside, options);
            inside.driver.get_container_logs(id, options)
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "log-streams-share-options",
        "Every log stream has the stream selection of the first.",
        &[StreamContainerLogs(|inside, id, mut options| {
            if inside.memory.latest("sources ").is_none() {
                inside
                    .memory
                    .note(&format!("sources {} {}", options.stdout, options.stderr));
            }
            let first = inside.memory.latest("sources ").unwrap_or_default();
            (options.stdout, options.stderr) = (first.starts_with("true"), first.ends_with("true"));
            inside.driver.stream_container_logs(id, options)
        })],
        &["values/options-per-call"],
    ),
    Fault::new(
        "overwritten-files-keep-mode",
        "A file that overwrites another keeps the other's permissions.",
        &[Write(|inside, id, path, mut file| {
            let old = first(inside, &format!("mode {id} {path} "), file.mode.to_string());
            file.mode = old.parse().unwrap_or(file.mode);
            inside.driver.write_file(id, path, file)
        })],
        &["files/overwritten"],
    ),
    Fault::new(
        "overwritten-files-keep-owner",
        "A file that overwrites another without an owner keeps the other's.",
        &[Write(|inside, id, path, mut file| {
            let own = file.owner.map(|owner| format!("{}:{}", owner.uid, owner.gid));
            let owner = kept(inside, &format!("owner {id} {path} "), own);
            file.owner = owner.and_then(|owner| {
                let (uid, gid) = owner.split_once(':')?;
                Some(FileOwner {
                    uid: uid.parse().ok()?,
                    gid: gid.parse().ok()?,
                })
            });
            inside.driver.write_file(id, path, file)
        })],
        &["files/overwritten"],
    ),
    Fault::new(
        "overwritten-files-keep-length",
        "A file that overwrites a longer one keeps its tail.",
        &[Write(|inside, id, path, file| {
            keeps_the_end(inside, id, path, file).boxed()
        })],
        &["files/overwritten"],
    ),
    Fault::new(
        "owners-limited-to-7-octal-digits",
        "Owners of written files are truncated to seven octal digits.",
        &[Write(|inside, id, path, mut file| {
            if let Some(owner) = &mut file.owner {
                (owner.uid, owner.gid) = (owner.uid % (1 << 21), owner.gid % (1 << 21));
            }
            inside.driver.write_file(id, path, file)
        })],
        &["files/overwritten"],
    ),
    Fault::new(
        "special-permissions-lost",
        "Written files lose their set-user-id and sticky bits.",
        &[Write(|inside, id, path, mut file| {
            file.mode &= 0o777;
            inside.driver.write_file(id, path, file)
        })],
        &["files/overwritten"],
    ),
    Fault::new(
        "unpacked-files-keep-mode",
        "An unpacked file that overwrites another keeps the other's permissions.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let archive = repacked(archive, |entry| {
                    let old = first(
                        inside,
                        &format!("mode {id} {} ", entry.name),
                        entry.mode.to_string(),
                    );
                    entry.mode = old.parse().unwrap_or(entry.mode);
                })
                .await?;
                inside.driver.copy_into_container(id, directory, archive).await
            }
            .boxed()
        })],
        &["files/overwritten-by-archive"],
    ),
    Fault::new(
        "unpacked-files-keep-owner",
        "An unpacked file that overwrites another keeps the other's owner.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let archive = repacked(archive, |entry| {
                    let old = first(
                        inside,
                        &format!("owner {id} {} ", entry.name),
                        entry.uid.to_string(),
                    );
                    entry.uid = old.parse().unwrap_or(entry.uid);
                })
                .await?;
                inside.driver.copy_into_container(id, directory, archive).await
            }
            .boxed()
        })],
        &["files/overwritten-by-archive"],
    ),
    Fault::new(
        "unpacked-files-keep-length",
        "An unpacked file that overwrites a longer one keeps its tail.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let archive = repacked(archive, |entry| {
                    let long = format!("content {id} {} ", entry.name);
                    let old = first(
                        inside,
                        &long,
                        String::from_utf8_lossy(&entry.content).into_owned(),
                    );
                    let rest = old.as_bytes().get(entry.content.len()..).unwrap_or_default();
                    entry.content.extend_from_slice(rest);
                })
                .await?;
                inside.driver.copy_into_container(id, directory, archive).await
            }
            .boxed()
        })],
        &["files/overwritten-by-archive"],
    ),
];

/// If `own` is a value, records the value under `key` and returns it. If `own` is `None`, returns the value that an
/// earlier call recorded last under `key`.
fn kept(inside: &Inside, key: &str, own: Option<String>) -> Option<String> {
    match own {
        Some(own) => {
            inside.memory.note(&format!("{key}{own}"));
            Some(own)
        }
        None => inside.memory.latest(key),
    }
}

/// Returns the value that an earlier call recorded under `key`. If no call has recorded one, records and returns
/// `own`.
fn first(inside: &Inside, key: &str, own: String) -> String {
    inside.memory.latest(key).unwrap_or_else(|| {
        inside.memory.note(&format!("{key}{own}"));
        own
    })
}

async fn latest_input(inside: &Inside, id: &ContainerId, mut config: ExecConfig) -> Result<ExecOutput> {
    if let Some(input) = &config.stdin {
        inside
            .memory
            .note(&format!("input {}", String::from_utf8_lossy(input)));
        sleep(Duration::from_millis(20)).await;
        config.stdin = inside.memory.latest("input ").map(Into::into);
    }
    inside.driver.exec(id, config).await
}

fn with_last_tail(inside: &Inside, mut options: LogOptions) -> LogOptions {
    let tail = kept(inside, "tail ", options.tail.map(|lines| lines.to_string()));
    options.tail = tail.and_then(|lines| lines.parse().ok());
    options
}

async fn keeps_the_end(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    mut file: WriteFile,
) -> Result<()> {
    let old = inside
        .driver
        .read_file(id, path, ReadFileOptions::default())
        .await;
    let new = file.content.into_stream().read_all(usize::MAX).await?;
    let rest: Bytes = old.unwrap_or_default();
    let rest = rest.get(new.len()..).unwrap_or_default();
    file.content = [&new, rest].concat().into();
    inside.driver.write_file(id, path, file).await
}

/// The fields of an archive entry that [`repacked`] can change.
struct Entry {
    name: String,
    mode: u32,
    uid: u64,
    content: Vec<u8>,
}

/// Applies `change` to each entry of a tar archive and returns the new archive. An invalid archive is returned
/// unchanged.
async fn repacked(archive: TarStream, change: impl Fn(&mut Entry) + Send + Sync) -> Result<TarStream> {
    let archive = archive.read_all(usize::MAX).await?;
    Ok(match repack(&archive, change) {
        Ok(packed) => packed.into(),
        Err(_) => archive.into(),
    })
}

fn repack(archive: &[u8], change: impl Fn(&mut Entry)) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut packed = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let mut header = entry.header().clone();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut changed = Entry {
            name,
            mode: header.mode()?,
            uid: header.uid()?,
            content,
        };
        change(&mut changed);
        header.set_mode(changed.mode);
        header.set_uid(changed.uid);
        header.set_size(changed.content.len() as u64);
        packed.append_data(&mut header, changed.name, changed.content.as_slice())?;
    }
    packed.into_inner()
}
