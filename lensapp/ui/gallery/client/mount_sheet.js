// Where Streamlit meets a contact sheet.

import { ContactSheet } from "./contact_sheet.js";
import { mounting } from "../../shared/mounting.js";

// Not the inspector, whose name comes a moment after the page: a cutout that was opened meanwhile stays open.
const identity = ({ workspace, items, sources }) => [workspace, sources[items[0][1]].bands];

export default mounting('.contact', identity, (root, data) => new ContactSheet(root, data));
