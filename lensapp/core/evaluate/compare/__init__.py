"""What several runs share: the cutouts they accept, and figures on further parts beside the test part."""
