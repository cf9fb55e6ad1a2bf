"""BPE sobre bytes: uno pequeño que se entrena y se lee entero, y el de GPT-2, sin red.

`train_bpe` aprende fusiones de un texto y devuelve un `BPETokenizer`. `load_gpt2_tokenizer` da el de GPT-2:
un `tiktoken.Encoding` hecho con las tablas que trae el curso.
"""

from gpt_course.tokenizer.bpe import BPETokenizer, merge_pair
from gpt_course.tokenizer.gpt2 import VOCAB_BPE_SHA256, encode_special, load_gpt2_merges, load_gpt2_tokenizer
from gpt_course.tokenizer.letters import letter_bytes, merge_lines, visible_vocabulary
from gpt_course.tokenizer.pieces import END_OF_TEXT, PATTERN, split_text, to_parts, utf8
from gpt_course.tokenizer.stored import read_list, restored, stored
from gpt_course.tokenizer.training import count_pairs, train_bpe

__all__ = [
    "END_OF_TEXT",
    "PATTERN",
    "VOCAB_BPE_SHA256",
    "BPETokenizer",
    "count_pairs",
    "encode_special",
    "letter_bytes",
    "load_gpt2_merges",
    "load_gpt2_tokenizer",
    "merge_lines",
    "merge_pair",
    "read_list",
    "restored",
    "split_text",
    "stored",
    "to_parts",
    "train_bpe",
    "utf8",
    "visible_vocabulary",
]
