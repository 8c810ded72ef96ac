"""llama.cpp's server in a process of its own: it takes its settings from standard input, tells its port, and ends with its parent,
or waits a while for the next program that wants it.

In the caller's process the library would hold Python's lock for as long as it loads, and a failed assertion of its
would end the program.
"""

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Reads one line of settings, writes one line with a port or an error, then waits for its input to end."""
    told = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints is not the reply
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops an answer, not the model
    settings: dict[str, Any] = {}
    try:
        settings = json.loads(sys.stdin.buffer.readline())
        server = _open(settings)
        reply: dict[str, Any] = {"port": int(server.listening_address.rpartition(":")[2])}
    except Exception as error:  # whatever it was, the parent says it in words
        reply = {"error": str(error) or type(error).__name__}
    os.write(told, json.dumps(reply).encode() + b"\n")
    if "port" in reply:
        from bot.models.resident import wait_and_lend

        os.chdir("/")  # nobody's folder is held
        sys.stdin.buffer.read()  # ends when the parent closes it, or is gone
        if settings["keep_s"] > 0:
            wait_and_lend(settings, reply["port"], settings["keep_s"])
    os._exit(0)  # the destructor would wait for what is being computed


def _open(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.n_ctx = settings["context_tokens"] * settings["slots"]
    params.n_parallel = settings["slots"]
    params.kv_unified = False
    params.n_batch = params.n_ubatch = settings["batch_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.no_extra_bufts = True  # repacking the weights doubles the time to load and reads no faster here
    params.n_gpu_layers = 0
    params.fit_params = False
    params.warmup = False
    params.cache_ram_mib = settings["memory_cache_mib"]
    params.slot_save_path = settings["states"]
    params.ui = False
    params.verbosity = -1
    params.api_keys = [settings["api_key"]]
    params.cors_origins = "http://127.0.0.1"
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.endpoint_slots = True
    if settings["adapter"]:
        # Weighs nothing until a call asks for it.
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings["adapter"], 0.0)]
        params.lora_init_without_apply = True
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
