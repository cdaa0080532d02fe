//! Recipes that mirror the build files and entrypoints of the official images.

use std::sync::OnceLock;

use serde_json::json;

use super::image::Recipe;

/// Starts as root with workers as `nginx`. Binds port 80, writes below `/var/cache/nginx` and `/run`.
pub(super) static NGINX: Recipe = Recipe {
    packages: &["nginx-light"],
    user: ("nginx", 101, 101),
    directories: &[
        ("var/cache/nginx", 0, 0, 0o755),
        ("var/log/nginx", 0, 0, 0o755),
        ("srv/www", 0, 0, 0o755),
    ],
    links: &[
        ("var/log/nginx/access.log", "/dev/stdout"),
        ("var/log/nginx/error.log", "/dev/stderr"),
    ],
    files: &[
        ("etc/nginx/nginx.conf", NGINX_CONF),
        (
            "etc/nginx/conf.d/default.conf",
            "server { listen 80; root /srv/www; }\n",
        ),
        ("srv/www/index.html", "welcome\n"),
    ],
    entrypoint: r#"#!/bin/sh
set -e
conf=/etc/nginx/conf.d/default.conf
if touch $conf 2>/dev/null; then
    grep -q '::' $conf || sed -i 's,listen 80;,listen 80; listen [::]:80;,' $conf
else
    echo "can not modify $conf (read-only file system?)"
fi
exec "$@"
"#,
    command: &["nginx", "-g", "daemon off;"],
    settings: || json!({ "ExposedPorts": { "80/tcp": {} }, "StopSignal": "SIGQUIT" }),
    built: OnceLock::new(),
};

const NGINX_CONF: &str = "\
user nginx;
worker_processes 2;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events {}
http {
    access_log /var/log/nginx/access.log;
    client_body_temp_path /var/cache/nginx/client_temp;
    proxy_temp_path /var/cache/nginx/proxy_temp;
    fastcgi_temp_path /var/cache/nginx/fastcgi_temp;
    uwsgi_temp_path /var/cache/nginx/uwsgi_temp;
    scgi_temp_path /var/cache/nginx/scgi_temp;
    include /etc/nginx/conf.d/*.conf;
}
";

/// Starts as root, gives its directories to `postgres`, continues as `postgres`, initializes the database.
pub(super) static POSTGRES: Recipe = Recipe {
    packages: &["postgresql"],
    user: ("postgres", 999, 999),
    directories: &[
        ("var/lib/postgresql", 999, 999, 0o755),
        ("var/lib/postgresql/data", 999, 999, 0o1777),
        ("run/postgresql", 999, 999, 0o3777),
    ],
    links: &[],
    files: &[],
    entrypoint: r#"#!/bin/sh
set -e
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    chmod 00700 "$PGDATA" || :
    mkdir -p /var/run/postgresql || :
    chmod 03775 /var/run/postgresql || :
    if [ "$(id -u)" = 0 ]; then
        find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
        find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
        exec /usr/bin/setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        echo "$POSTGRES_PASSWORD" > /tmp/password
        initdb --username=postgres --pwfile=/tmp/password --no-sync
        rm /tmp/password
        echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    fi
fi
exec "$@"
"#,
    command: &["postgres", "-c", "listen_addresses=*"],
    settings: || {
        json!({
            "Env": ["PGDATA=/var/lib/postgresql/data"],
            "Volumes": { "/var/lib/postgresql/data": {} },
            "ExposedPorts": { "5432/tcp": {} },
            "StopSignal": "SIGINT",
        })
    },
    built: OnceLock::new(),
};

/// Starts as root, gives its data to `redis`, and continues as `redis`.
pub(super) static REDIS: Recipe = Recipe {
    packages: &["redis-server"],
    user: ("redis", 999, 1000),
    directories: &[("data", 999, 1000, 0o755)],
    links: &[],
    files: &[],
    entrypoint: r#"#!/bin/sh
set -e
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec /usr/bin/setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
fi
exec "$@"
"#,
    command: &["redis-server", "--protected-mode", "no"],
    settings: || {
        json!({
            "WorkingDir": "/data",
            "Volumes": { "/data": {} },
            "ExposedPorts": { "6379/tcp": {} },
        })
    },
    built: OnceLock::new(),
};
