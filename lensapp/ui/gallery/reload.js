// Loads the page anew: the server answers with what is right for who asks now, as the log-in page.

export default function reload() {
  location.reload();
}
