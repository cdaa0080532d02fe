use super::Tree;

/// Returns the directories that every user may write to in a typical image.
pub(crate) fn open_directories() -> &'static [&'static str] {
    &["tmp", "var/tmp", "dev/shm"]
}

/// Returns the root file system of a stock image. It has the files of a small Linux image, but no programs. The
/// programs come from the command table.
pub(crate) fn stock_root() -> Tree {
    let mut root = Tree::default();
    for directory in [
        "bin", "dev/shm", "etc", "home", "lib", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
        "tmp", "usr/bin", "usr/lib", "usr/local/bin", "usr/sbin", "var/log", "var/tmp",
    ] {
        root.mkdir_all(directory);
    }
    for device in ["null", "zero", "full", "random", "urandom"] {
        root.put(&format!("dev/{device}"), Vec::new());
    }
    root.open(open_directories());
    root.put("etc/passwd", PASSWD.into());
    root.put("etc/group", GROUP.into());
    root
}

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
";

const GROUP: &str = "\
root:x:0:
daemon:x:1:
bin:x:2:
www-data:x:33:
nogroup:x:65534:
";
