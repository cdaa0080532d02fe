# A job runner, started by hand on a build server.
docker run -dit --name build-runner --hostname runner-7 \
  --restart on-failure:5 --stop-signal SIGINT --stop-timeout 45 \
  --user 1001:1001 --group-add 44 --workdir /work \
  --cpus 1.5 --cpu-shares 512 --cpuset-cpus 0 -m 768m --memory-reservation 256m --memory-swap 1g --pids-limit 200 \
  --ulimit nofile=4096:8192 --ulimit core=0 --shm-size 128m \
  --env CI=true -e "GREETING=hello world" -e TOKEN=$RUNNER_TOKEN --env-file runner.env \
  --label team=core -l stage \
  -p 8080:8080 -p 127.0.0.1:9000-9001:9000-9001/tcp -p 5353/udp \
  -v runner-cache:/cache -v "$PWD/jobs":/jobs:ro --mount type=tmpfs,target=/scratch,tmpfs-size=32m,tmpfs-mode=1777 \
  --tmpfs /run:rw,size=8m \
  --add-host registry.local:10.0.0.9 --dns 10.0.0.2 --dns-search corp.example --dns-option ndots:2 \
  --network ci --network-alias runner \
  --cap-drop ALL --cap-add NET_BIND_SERVICE --security-opt no-new-privileges --read-only \
  --health-cmd 'test -f /run/ready' --health-interval 15s --health-timeout 3s --health-retries 4 \
  --log-driver json-file --log-opt max-size=5m --sysctl net.ipv4.ip_unprivileged_port_start=0 --init \
  --oom-score-adj -500 --blkio-weight 300 --pid host --pull never \
  registry.local:5000/ci/runner:2.4 run --queue "default jobs" # keep this terminal
