"""Layers that Keras lacks. Saved networks name them as "lensapp>…", wherever their modules lie."""
