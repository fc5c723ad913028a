"""What obstore says of a bucket's errors, and what people are told."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from kyc.adapters.objects.bucket import _translated
from kyc.domain.errors import CredentialError, KycError, UnreachableError

NO_ROLE = (
    "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 2.9s, after 10 retries"
    " - HTTP error: error sending request"
)
NOBODY = (
    "Generic S3 error: Error performing PUT http://127.0.0.1:9/bucket/x in 2.2s, after 10 retries, max_retries: 10, "
    "retry_timeout: 30s  - HTTP error: error sending request\nand a long debug text"
)
REFUSED = 'Error performing PUT http://there/x in 3ms - Server returned 403 Forbidden: <?xml version="1.0"?>\n<Error>'


@pytest.mark.parametrize(
    ("raised", "told", "text"),
    [
        (GenericError(NO_ROLE), CredentialError, "storing x: there are no credentials for the object store"),
        (GenericError(NOBODY), UnreachableError, "storing x: nobody answers at http://127.0.0.1:9/bucket/x"),
        (GenericError("Generic S3 error: 503\nmore"), UnreachableError, "storing x: Generic S3 error: 503"),
        (PermissionDeniedError(REFUSED), CredentialError, "storing x: the object store refuses"),
    ],
)
def test_an_error_says_what_is_the_matter(raised: Exception, told: type[KycError], text: str) -> None:
    with pytest.raises(told) as caught, _translated("storing x"):
        raise raised
    assert str(caught.value).startswith(text)
    assert "xml" not in str(caught.value)
    assert caught.value.next_step
