"""The choices between forms of a network."""

from ecgrnn.choices import Context as Context
from ecgrnn.choices import Head as Head
from ecgrnn.choices import Place as Place
