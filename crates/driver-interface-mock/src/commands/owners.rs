//! Simulated commands for owners, permissions, file status and links, such as `chmod`.

use super::options::Line;
use crate::fs::{Errno, Meta, Node};
use crate::process::MockProcess;

/// Returns the permissions `mode` in the format `rwxr-xr-x`.
pub(super) fn permissions(mode: u32) -> String {
    let bit = |shift: u32, shown: char| if mode >> shift & 1 == 1 { shown } else { '-' };
    let mut text: String = (0..9)
        .rev()
        .zip("rwxrwxrwx".chars())
        .map(|(at, c)| bit(at, c))
        .collect();
    for (special, at, letter) in [(0o4000, 2, 's'), (0o2000, 5, 's'), (0o1000, 8, 't')] {
        if mode & special != 0 {
            let executes = mode >> (8 - at) & 1 == 1;
            let letter = if executes {
                letter
            } else {
                letter.to_ascii_uppercase()
            };
            text.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
        }
    }
    text
}

/// Sets the permissions of files. The permissions are octal digits, or changes such as `u+x,go-w`.
pub(crate) async fn chmod(process: MockProcess) -> u8 {
    change(process, |requested, meta, _| {
        meta.mode = new_mode(requested, meta.mode).ok_or(Refused::Unclear)?;
        Ok(())
    })
    .await
}

/// Sets the owners of files, given as numbers or as `root`.
pub(crate) async fn chown(process: MockProcess) -> u8 {
    change(process, |requested, meta, may_give| {
        let (user, group) = requested
            .split_once(':')
            .map_or((requested, None), |(user, group)| (user, Some(group)));
        let number = |name: &str| {
            if name == "root" {
                Some(0)
            } else {
                name.parse().ok()
            }
        };
        let new = Meta {
            uid: if user.is_empty() {
                meta.uid
            } else {
                number(user).ok_or(Refused::Unclear)?
            },
            gid: match group {
                None | Some("") => meta.gid,
                Some(group) => number(group).ok_or(Refused::Unclear)?,
            },
            ..*meta
        };
        if !may_give && (new.uid, new.gid) != (meta.uid, meta.gid) {
            return Err(Refused::NotPermitted);
        }
        *meta = new;
        Ok(())
    })
    .await
}

/// The reason why `chmod` or `chown` left a file unchanged.
enum Refused {
    Unclear,
    NotPermitted,
}

/// Calls `apply` for each file that the command changes. The arguments of `apply` are the command's first operand
/// (the new mode or owner), the file's metadata, and whether the user may change owners.
async fn change(process: MockProcess, apply: impl Fn(&str, &mut Meta, bool) -> Result<(), Refused>) -> u8 {
    let Some(line) = Line::parse(&process, "Rvf").await else {
        return 1;
    };
    let name = process.args().first().cloned().unwrap_or_default();
    let requested = line.operands.first().cloned().unwrap_or_default();
    let may_give = process.host.is_capable(process.user().0, "CHOWN");
    let mut status = 0;
    for operand in line.operands.iter().skip(1) {
        let mut locations = vec![process.path(operand)];
        while let Some(path) = locations.pop() {
            if line.has('R') && matches!(process.files.node(&path), Some(Node::Dir)) {
                let below = process.files.list(&path).unwrap_or_default();
                locations.extend(below.into_iter().map(|name| format!("{path}/{name}")));
            }
            let mut applied = Ok(());
            let changed = process
                .files
                .change(&path, |meta| applied = apply(&requested, meta, may_give));
            let errno = match (changed, applied) {
                (Ok(()), Ok(())) => continue,
                (Ok(()), Err(Refused::Unclear)) => None,
                (Ok(()), Err(Refused::NotPermitted)) => Some(Errno::NotPermitted),
                (Err(errno), _) => Some(errno),
            };
            let problem = match errno {
                Some(errno) => format!("{name}: {operand}: {errno}"),
                None => format!("{name}: invalid mode '{requested}'"),
            };
            process.say(problem).await;
            status = 1;
        }
    }
    status
}

pub(super) fn new_mode(requested: &str, old: u32) -> Option<u32> {
    if let Ok(mode) = u32::from_str_radix(requested, 8) {
        return Some(mode & 0o7777);
    }
    let mut mode = old;
    for clause in requested.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let (who, rest) = clause.split_at(at);
        let mut class_mask: u32 = who.chars().fold(0, |all, c| {
            all | match c {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                _ => 0o7777,
            }
        });
        if who.is_empty() {
            class_mask = 0o7777;
        }
        let what = rest.chars().skip(1).fold(0, |all, c| {
            all | match c {
                'r' => 0o444,
                'w' => 0o222,
                'x' | 'X' => 0o111,
                's' => 0o6000,
                't' => 0o1000,
                _ => 0,
            }
        }) & class_mask;
        mode = match rest.chars().next() {
            Some('+') => mode | what,
            Some('-') => mode & !what,
            _ => mode & !(class_mask & 0o777) | what,
        };
    }
    Some(mode)
}

/// Prints the status of files in the format that `-c` gives. Without `-c`, prints the name, size and type.
pub(crate) async fn stat(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "c:tL").await else {
        return 1;
    };
    let mut status = 0;
    for operand in &line.operands {
        let path = process.path(operand);
        let link = if line.has('L') {
            None
        } else {
            process.files.link(&path)
        };
        let (link, own) = link.unzip();
        let Some(node) = link.map(Node::Link).or_else(|| process.node(operand)) else {
            process
                .say(format!("stat: can't stat '{operand}': No such file or directory"))
                .await;
            status = 1;
            continue;
        };
        let meta = own.or_else(|| process.files.meta(&path)).unwrap_or(Meta::FILE);
        let (size, kind, letter) = match node {
            Node::Dir => (4096, "directory", 'd'),
            Node::Link(target) => (target.len(), "symbolic link", 'l'),
            Node::File(data) => {
                let size = data.len();
                (
                    size,
                    if size == 0 {
                        "regular empty file"
                    } else {
                        "regular file"
                    },
                    '-',
                )
            }
        };
        let named = |id: u32| {
            if id == 0 {
                "root".to_owned()
            } else {
                "UNKNOWN".to_owned()
            }
        };
        let text = match line.value('c') {
            Some(format) => format
                .replace("%s", &size.to_string())
                .replace("%n", operand)
                .replace("%a", &format!("{:o}", meta.mode))
                .replace("%A", &format!("{letter}{}", permissions(meta.mode)))
                .replace("%u", &meta.uid.to_string())
                .replace("%g", &meta.gid.to_string())
                .replace("%U", &named(meta.uid))
                .replace("%G", &named(meta.gid))
                .replace("%F", kind),
            None => format!("  File: {operand}\n  Size: {size}\t{kind}"),
        };
        process.answer(format!("{text}\n")).await;
    }
    status
}

/// Creates symbolic links. Hard links are not supported.
pub(crate) async fn ln(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "sfn").await else {
        return 1;
    };
    let [target, name] = line.operands.as_slice() else {
        process.say("ln: missing operand").await;
        return 1;
    };
    if !line.has('s') {
        process
            .say(format!("ln: {name}: hard links are not simulated"))
            .await;
        return 1;
    }
    let mut location = process.path(name);
    if matches!(process.node(name), Some(Node::Dir)) && !line.has('n') {
        location = format!("{location}/{}", target.rsplit('/').next().unwrap_or(target));
    }
    if line.has('f') {
        let _ = process.files.remove(&location, false);
    }
    match process.files.make_link(&location, target) {
        Ok(()) => 0,
        Err(errno) => {
            process.say(format!("ln: {name}: {errno}")).await;
            1
        }
    }
}

pub(crate) async fn readlink(process: MockProcess) -> u8 {
    let path = process.args().last().cloned().unwrap_or_default();
    match process.files.link_target(&process.path(&path)) {
        Some(target) => process.answer(format!("{target}\n")).await,
        None => 1,
    }
}
