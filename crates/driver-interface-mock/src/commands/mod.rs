//! The commands that simulated containers can run. Their output and exit codes are those of busybox.

mod basic;
mod condition;
mod copy;
mod escape;
mod files;
mod filters;
mod format;
mod lines;
mod network;
mod options;
mod owners;
mod regex;
mod system;
mod text;

use std::future::Future;
use std::pin::Pin;

pub(crate) use escape::unescape;

use crate::engine::IDLE;
use crate::process::{CommandTable, MockProcess};
use crate::shell;

/// A command that runs inside the shell's own process, not in a child process.
pub(crate) type BuiltinCommand = fn(MockProcess) -> Pin<Box<dyn Future<Output = u8> + Send>>;

/// Returns the command `name` if it runs inside the shell's own process, not in a child process.
pub(crate) fn builtin_command(name: &str) -> Option<BuiltinCommand> {
    Some(match name {
        "echo" => |process| Box::pin(text::echo(process)),
        "printf" => |process| Box::pin(format::printf(process)),
        "test" | "[" => |process| Box::pin(condition::test(process)),
        "kill" => |process| Box::pin(system::kill(process)),
        "ulimit" => |process| Box::pin(system::ulimit(process)),
        _ => return None,
    })
}

macro_rules! table {
    ($($name:expr => $program:path,)+) => {{
        let mut table = CommandTable::default();
        $(table.add($name, $program);)+
        table
    }};
}

/// Returns the commands that every container has.
pub(crate) fn stock_commands() -> CommandTable {
    table! {
        IDLE => basic::idle,
        "[" => condition::test,
        "ash" => shell::sh,
        "basename" => text::basename,
        "cat" => filters::cat,
        "chmod" => owners::chmod,
        "chown" => owners::chown,
        "cp" => files::cp,
        "cut" => lines::cut,
        "date" => system::date,
        "dd" => copy::dd,
        "dirname" => text::dirname,
        "echo" => text::echo,
        "env" => system::env,
        "false" => basic::fail,
        "getent" => network::getent,
        "grep" => lines::grep,
        "head" => filters::head,
        "hostname" => system::hostname,
        "id" => system::id,
        "kill" => system::kill,
        "ln" => owners::ln,
        "ls" => files::ls,
        "mkdir" => files::mkdir,
        "mv" => files::mv,
        "nohup" => system::nohup,
        "nslookup" => network::nslookup,
        "nproc" => system::nproc,
        "ping" => network::ping,
        "printenv" => system::printenv,
        "printf" => format::printf,
        "ps" => system::ps,
        "pwd" => text::pwd,
        "readlink" => owners::readlink,
        "rm" => files::rm,
        "rmdir" => files::rmdir,
        "seq" => text::seq,
        "setsid" => system::setsid,
        "sh" => shell::sh,
        "sleep" => basic::sleep,
        "sort" => lines::sort,
        "stat" => owners::stat,
        "stty" => system::stty,
        "sync" => basic::succeed,
        "tail" => filters::tail,
        "tee" => filters::tee,
        "test" => condition::test,
        "timeout" => system::timeout,
        "touch" => files::touch,
        "tr" => lines::tr,
        "tty" => system::tty,
        "true" => basic::succeed,
        "uname" => system::uname,
        "usleep" => basic::usleep,
        "wc" => filters::wc,
        "whoami" => system::whoami,
        "yes" => text::yes,
    }
}
