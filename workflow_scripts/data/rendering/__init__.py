"""The renderer: scenes, ray caster, trees of images."""
