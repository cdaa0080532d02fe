use super::Tree;

const BLOCK: usize = 512;

/// Reads an uncompressed tar archive into a tree. Files and folders are kept; links and devices, which the
/// simulation has no use for, are left out.
pub(crate) fn read_tar(archive: &[u8]) -> Result<Tree, &'static str> {
    let mut tree = Tree::default();
    let mut rest = archive;
    let mut long_name: Option<String> = None;
    let mut entries = 0;
    while let Some((header, tail)) = rest.split_first_chunk::<BLOCK>() {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        check_sum(header)?;
        let size =
            usize::try_from(octal(field(header, 124, 12))?).map_err(|_| "archive/tar: entry too large")?;
        let data = tail.get(..size).ok_or("unexpected EOF")?;
        let padded = size.div_ceil(BLOCK) * BLOCK;
        rest = tail.get(padded..).unwrap_or_default();
        let name = long_name.take().unwrap_or_else(|| path_of(header));
        match header.get(156).copied().unwrap_or_default() {
            b'L' => long_name = Some(text(data)),
            b'5' => tree.mkdir_all(&clean(&name)),
            b'0' | 0 | b'7' => tree.put(&clean(&name), data.to_vec()),
            _ => {}
        }
        entries += 1;
    }
    if entries == 0 && !archive.iter().all(|byte| *byte == 0) || archive.len() < BLOCK {
        return Err("unexpected EOF");
    }
    Ok(tree)
}

fn field(header: &[u8], start: usize, length: usize) -> &[u8] {
    header.get(start..start + length).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn path_of(header: &[u8]) -> String {
    let (name, prefix) = (text(field(header, 0, 100)), text(field(header, 345, 155)));
    if prefix.is_empty() || field(header, 257, 5) != b"ustar" {
        name
    } else {
        format!("{prefix}/{name}")
    }
}

fn clean(name: &str) -> String {
    super::absolute("/", name).trim_start_matches('/').to_owned()
}

fn octal(field: &[u8]) -> Result<u64, &'static str> {
    let digits = text(field);
    u64::from_str_radix(digits.trim(), 8).map_err(|_| "archive/tar: invalid tar header")
}

fn check_sum(header: &[u8; BLOCK]) -> Result<(), &'static str> {
    let stated = octal(field(header, 148, 8))?;
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    if sum == stated {
        Ok(())
    } else {
        Err("archive/tar: invalid tar header")
    }
}
