"""Los cuentos: una lengua pequeña de la que se sabe todo, para medir cuánto le falta a un modelo."""

from gpt_course.stories.grammar import Grammar, load_grammar
from gpt_course.stories.tokenizer import StoryTokenizer, load_story_tokenizer, story_batch

__all__ = ["Grammar", "StoryTokenizer", "load_grammar", "load_story_tokenizer", "story_batch"]
