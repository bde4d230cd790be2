// Where Streamlit meets the gallery.

import { Gallery } from "./gallery.js";
import { mounting } from "../../shared/mounting.js";

const identity = (data) => [data.workspace, data.review.id, data.inspector];

export default mounting('.gallery', identity, (root, data, { setTriggerValue }) => (
  new Gallery(root, data, setTriggerValue)
));
