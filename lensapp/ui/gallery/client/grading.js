// What an inspector does to the candidates of a gallery: grade, undo, star, comment.

/** Grade the candidate under the cursor and go on; a candidate that is not painted yet is not graded. */
export function gradeOne(gallery, vote) {
  const { shelf, votes } = gallery, id = shelf.current;
  if (id === undefined || !gallery.ready) return;
  gallery.voting.give([id], vote);
  const given = vote && [vote.grade, vote.contaminant].filter(Boolean).join(', ');
  gallery.notices.say(`${vote ? `Grade ${given}` : 'Vote withdrawn'}. ${votes.size} of ${shelf.total} graded.`);
  if (vote) gallery.moveTo(shelf.cursor + 1);
}

/** Give the lowest grade to what is left on the page, and turn it. */
export function gradeRest(gallery) {
  const { shelf, votes } = gallery, { letter } = gallery.data.grades.at(-1);
  if (gallery.single.open || !gallery.pictures.pageReady) return;
  const rest = [...shelf.idsOf(shelf.page)].filter((id) => !votes.get(id));
  gallery.voting.give(rest, { grade: letter, contaminant: null });
  gallery.notices.toast(`${rest.length} × ${letter} for the rest of the page. Z undoes it.`);
  gallery.turn(1);
}

/** Take back what this tab graded last, and show it. */
export function undoLast(gallery) {
  const id = gallery.voting.undo();
  gallery.notices.say(id === null ? 'Nothing to undo.' : 'Last vote undone.');
  const place = gallery.shelf.view.indexOf(id);
  if (place >= 0) gallery.moveTo(place);
}

/** Star the candidate under the cursor, or take its star away. */
export function starOne(gallery) {
  const starred = !gallery.votes.note(gallery.shelf.current).starred;
  gallery.annotate({ starred });
  gallery.notices.say(starred ? 'Starred.' : 'No star.');
}

/** Put the caret into the field of the comment. */
export function writeComment(gallery) {
  gallery.openSingle();
  gallery.single.comment.focus();
}

/** What is stored beside a vote. */
export function circumstancesOf(gallery, id) {
  const { stretch, black, softening, white } = gallery.settings.values;
  return {
    score_seen: gallery.facts.seen.has(id),
    stretch: `${stretch} black=${black.toFixed(2)} softening=${softening.toFixed(2)} white=${white.toFixed(2)}`,
  };
}
