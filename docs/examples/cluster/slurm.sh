#!/bin/bash
#SBATCH --job-name=fairfront
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=2
#SBATCH --time=12:00:00
#SBATCH --no-kill             # a lost node costs its trials one checkpoint interval, not the job
#SBATCH --requeue             # a job that was preempted starts again and goes on with its search
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120   # that many seconds before its end the search is ended in good order

# One search on the nodes of a batch job; sent off again, it goes on where it was:
#
#   sbatch slurm.sh /shared/runs/adult adult_sex_aod --set resources.gpu=0.5 --budget 40h
#
# The run's folder, the environment and the home folder lie on a file system that all nodes share.
# `fairfront` and `ray` have to be on the path: activate the environment before sbatch.
set -euo pipefail

run=$1
shift

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
if [ ! -s ~/.ray/auth_token ]; then
    mkdir -p ~/.ray
    (umask 077; python -c 'import secrets; print(secrets.token_hex(32), end="")' > ~/.ray/auth_token)
fi
chmod 600 ~/.ray/auth_token

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head_ip=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" hostname --ip-address | awk '{print $1}')
address=$head_ip:$((20000 + SLURM_JOB_ID % 10000))
shares=(--num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}")

# The first node leads, and runs trials as well: with it the job would end in any case.
srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
    ray start --head --node-ip-address="$head_ip" --port="${address##*:}" "${shares[@]}" \
    --include-dashboard=false --disable-usage-stats --block &
export address
for node in "${nodes[@]:1}"; do
    # shellcheck disable=SC2016  # expanded there
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" \
        bash -c 'until ray start --address="$address" "$@" --disable-usage-stats --block; do
            sleep 3; done' join "${shares[@]}" &
done

# As many trials run at once as fit on the nodes that are there when the search begins.
count='import ray, sys; ray.init(sys.argv[1], logging_level="ERROR"); print(len(ray.nodes()))'
for _ in $(seq 100); do
    [ "$(python -c "$count" "$address" 2>/dev/null || true)" = "${#nodes[@]}" ] && break
    sleep 3
done

if [ -f "$run/journal.jsonl" ]; then
    fairfront resume "$run" --address "$address" &
else
    fairfront search "$@" --out "$run" --address "$address" &
fi
search=$!
trap 'kill -TERM $search; wait $search' TERM
wait $search
