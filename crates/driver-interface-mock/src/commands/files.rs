//! Simulated file and directory commands, such as `ls`.

use super::options::Line;
use super::owners::{new_mode, permissions};
use crate::fs::{Errno, Meta, Node, absolute};
use crate::process::MockProcess;
use crate::sync::lock;

pub(crate) async fn ls(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "1alAdRh").await else {
        return 1;
    };
    let operands = if line.operands.is_empty() {
        vec![".".to_owned()]
    } else {
        line.operands.clone()
    };
    let mut status = 0;
    for operand in &operands {
        match process.node(operand) {
            None => {
                process
                    .say(format!("ls: {operand}: No such file or directory"))
                    .await;
                status = 1;
            }
            Some(Node::Dir) if !line.has('d') => {
                let path = process.path(operand);
                let names = process.files.list(&path).unwrap_or_default();
                let shown = names
                    .into_iter()
                    .filter(|name| line.has('a') || line.has('A') || !name.starts_with('.'));
                let mut text = if operands.len() > 1 {
                    format!("{operand}:\n")
                } else {
                    String::new()
                };
                for name in shown {
                    text.push_str(&listing(&process, &absolute(&path, &name), &name, line.has('l')));
                }
                process.answer(text).await;
            }
            Some(_) => {
                process
                    .answer(listing(&process, &process.path(operand), operand, line.has('l')))
                    .await;
            }
        }
    }
    status
}

fn listing(process: &MockProcess, path: &str, name: &str, long: bool) -> String {
    if !long {
        return format!("{name}\n");
    }
    if let Some((target, Meta { uid, gid, .. })) = process.files.link(path) {
        return format!(
            "lrwxrwxrwx    1 {uid:<8} {gid:<8} {:9} {name} -> {target}\n",
            target.len()
        );
    }
    let Meta { uid, gid, mode } = process.files.meta(path).unwrap_or(Meta::FILE);
    let shown = permissions(mode);
    match process.files.node(path) {
        Some(Node::File(data)) => format!("-{shown}    1 {uid:<8} {gid:<8} {:9} {name}\n", data.len()),
        _ => format!("d{shown}    2 {uid:<8} {gid:<8} {:9} {name}\n", 4096),
    }
}

pub(crate) async fn mkdir(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "pm:").await else {
        return 1;
    };
    let mode = line
        .value('m')
        .map(|requested| (requested, new_mode(requested, 0o777)));
    if let Some((requested, None)) = mode {
        process.say(format!("mkdir: invalid mode '{requested}'")).await;
        return 1;
    }
    let mut status = 0;
    for operand in &line.operands {
        let path = process.path(operand);
        let is_new = process.files.node(&path).is_none();
        let created = if line.has('p') {
            mkdir_all(&process, &path)
        } else {
            process.files.mkdir(&path)
        };
        let created = created.and_then(|()| match mode {
            Some((_, Some(mode))) if is_new => process.files.change(&path, |meta| meta.mode = mode),
            _ => Ok(()),
        });
        if let Err(errno) = created {
            process
                .say(format!("mkdir: can't create directory '{operand}': {errno}"))
                .await;
            status = 1;
        }
    }
    status
}

fn mkdir_all(process: &MockProcess, path: &str) -> Result<(), Errno> {
    let ends = path
        .match_indices('/')
        .skip(1)
        .map(|(at, _)| at)
        .chain([path.len()]);
    for end in ends {
        let part = path.get(..end).unwrap_or(path);
        match process.files.node(part) {
            Some(Node::Dir) => {}
            Some(Node::File(_) | Node::Link(_)) => return Err(Errno::NotADirectory),
            None => process.files.mkdir(part)?,
        }
    }
    Ok(())
}

pub(crate) async fn rm(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "rRfi").await else {
        return 1;
    };
    let recursive = line.has('r') || line.has('R');
    let mut status = 0;
    for operand in &line.operands {
        let path = process.path(operand);
        let removed = match process.files.node(&path) {
            Some(Node::Dir) if !recursive => Err(Errno::IsADirectory),
            _ => process.files.remove(&path, recursive),
        };
        match removed {
            Err(Errno::NotFound) if line.has('f') => {}
            Err(Errno::IsADirectory) => {
                process.say(format!("rm: '{operand}' is a directory")).await;
                status = 1;
            }
            Err(errno) => {
                process
                    .say(format!("rm: can't remove '{operand}': {errno}"))
                    .await;
                status = 1;
            }
            Ok(()) => {}
        }
    }
    status
}

pub(crate) async fn rmdir(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "p").await else {
        return 1;
    };
    let mut status = 0;
    for operand in &line.operands {
        let path = process.path(operand);
        let removed = match process.files.node(&path) {
            Some(Node::File(_)) => Err(Errno::NotADirectory),
            _ => process.files.remove(&path, false),
        };
        if let Err(errno) = removed {
            process.say(format!("rmdir: '{operand}': {errno}")).await;
            status = 1;
        }
    }
    status
}

pub(crate) async fn touch(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "c").await else {
        return 1;
    };
    let mut status = 0;
    for operand in &line.operands {
        if let Err(errno) = process.files.create(&process.path(operand), false) {
            process.say(format!("touch: {operand}: {errno}")).await;
            status = 1;
        }
    }
    status
}

pub(crate) async fn cp(process: MockProcess) -> u8 {
    move_or_copy(process, false).await
}

pub(crate) async fn mv(process: MockProcess) -> u8 {
    move_or_copy(process, true).await
}

async fn move_or_copy(process: MockProcess, remove: bool) -> u8 {
    let Some(line) = Line::parse(&process, "fi").await else {
        return 1;
    };
    let name = process.args().first().cloned().unwrap_or_default();
    let Some((target, sources)) = line
        .operands
        .split_last()
        .filter(|(_, sources)| !sources.is_empty())
    else {
        process.say(format!("{name}: missing operand")).await;
        return 1;
    };
    let into_directory = matches!(process.node(target), Some(Node::Dir));
    let mut status = 0;
    for source in sources {
        let file = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
        let location = if into_directory {
            format!("{target}/{file}")
        } else {
            target.clone()
        };
        if let Err(problem) = copy(&process, source, &location, remove) {
            process.say(format!("{name}: {problem}")).await;
            status = 1;
        }
    }
    status
}

fn copy(process: &MockProcess, source: &str, target: &str, remove: bool) -> Result<(), String> {
    let from = process.path(source);
    let data = process
        .read_path(&from)
        .map_err(|errno| format!("can't stat '{source}': {errno}"))?;
    let failed = |errno: Errno| format!("can't create '{target}': {errno}");
    let (tree, location) = process
        .files
        .create(&process.path(target), true)
        .map_err(failed)?;
    lock(&tree).write(&location, Some(0), &data).map_err(failed)?;
    let mode = process
        .files
        .meta(&from)
        .map_or(Meta::FILE.mode, |meta| meta.mode);
    // If another user owns the target, this fails, and the target keeps its permissions.
    let _ = process
        .files
        .change(&process.path(target), |meta| meta.mode = mode);
    if remove {
        process
            .files
            .remove(&from, false)
            .map_err(|errno| format!("can't remove '{source}': {errno}"))?;
    }
    Ok(())
}
