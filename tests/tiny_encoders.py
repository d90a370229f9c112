"""Make a tiny embedding model and a tiny rerank model, without a download.

    PYTHON_OF_THE_SERVER tests/tiny_encoders.py FOLDER

Their weights are random. Texts are read letter by letter, wherever a letter stands: the same
letters, the same vector.
"""

from __future__ import annotations

import string
import sys
from pathlib import Path

SIZE = 32
LONGEST = 128


def registrations(folder):
    """The registrations of both models: model type -> definition."""
    common = {"version": 2, "language": ["en"], "max_tokens": LONGEST}

    def spec(name):
        uri = (Path(folder) / name).as_uri()
        return [{"model_format": "pytorch", "model_uri": uri, "quantization": "none"}]

    return {
        "embedding": {
            **common,
            "model_name": "tiny-embedding",
            "dimensions": SIZE,
            "model_specs": spec("embedding"),
        },
        "rerank": {
            **common,
            "model_name": "tiny-rerank",
            "type": "normal",
            "model_specs": spec("rerank"),
        },
    }


def make(folder):
    """Write both models into `folder`."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    torch.manual_seed(0)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    tokens += [*letters, *(f"##{each}" for each in letters)]
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=SIZE,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * SIZE,
        max_position_embeddings=LONGEST,
        num_labels=1,
    )
    save(BertForSequenceClassification(config), tokens, folder / "rerank")
    model = BertModel(config)
    model.embeddings.position_embeddings.weight.data.zero_()
    words = model.embeddings.word_embeddings.weight.data
    words[-len(letters) :] = words[-2 * len(letters) : -len(letters)]
    save(model, tokens, folder / "plain")
    transformer = Transformer(str(folder / "plain"), max_seq_length=LONGEST)
    SentenceTransformer(modules=[transformer, Pooling(SIZE)]).save(str(folder / "embedding"))


def save(model, tokens, folder):
    """Write a model with its tokenizer."""
    from transformers import BertTokenizer

    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tokens))
    tokenizer = BertTokenizer(vocab=str(folder / "vocab.txt"), model_max_length=LONGEST)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
